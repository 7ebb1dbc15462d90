import {
  checkpointListQuery,
  jobBody,
  jobEventListQuery,
  jobListQuery,
  type OpenaiCheckpoint,
  type OpenaiJob,
  type OpenaiJobEvent,
  type Page,
} from '@anneal/contracts';
import { Body, Controller, Get, HttpCode, HttpStatus, Param, Post, Query, Req } from '@nestjs/common';
import { By, type Caller } from '../../keys/caller.js';
import { RunRequests } from '../../runs/run.requests.js';
import { toSeconds } from '../openai-id.js';
import { toPage } from '../page.js';
import { readRequest } from '../../http/read-request.js';
import { repetitionOf } from '../request.memory.js';
import { checkpointsOf } from './checkpoint.view.js';
import { JobEventTable, type JobEventRow } from './job.event.table.js';
import { JobTable } from './job.table.js';
import { toOpenaiJob } from './job.view.js';
import { Jobs } from './jobs.js';
import { metadataFilter } from './metadata.filter.js';

interface Request {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

const wanted = { cancel: 'cancelled', pause: 'paused', resume: 'running' } as const;

/** `client.fine_tuning.jobs` of the official clients. */
@Controller('v1/fine_tuning/jobs')
export class JobsController {
  constructor(
    private readonly jobs: Jobs,
    private readonly requests: RunRequests,
    private readonly table: JobTable,
    private readonly events: JobEventTable,
  ) {}

  @Post()
  @HttpCode(HttpStatus.OK)
  async create(@By() caller: Caller, @Body() body: unknown, @Req() request: Request): Promise<OpenaiJob> {
    const read = readRequest(jobBody, body ?? {});
    return toOpenaiJob(await this.jobs.create(caller, read, repetitionOf(request.headers)));
  }

  @Get()
  async list(@By() caller: Caller, @Query() query: Record<string, unknown>): Promise<Page<OpenaiJob>> {
    const page = readRequest(jobListQuery, query);
    const found = await this.table.list(caller.project, page, metadataFilter(query));
    return toPage(found.map(toOpenaiJob), page.limit);
  }

  @Get(':id')
  async retrieve(@By() { project }: Caller, @Param('id') id: string): Promise<OpenaiJob> {
    return toOpenaiJob(await this.table.find(project, id));
  }

  @Post(':id/cancel')
  @HttpCode(HttpStatus.OK)
  async cancel(@By() caller: Caller, @Param('id') id: string, @Req() request: Request): Promise<OpenaiJob> {
    return this.steer(caller, id, 'cancel', request);
  }

  @Post(':id/pause')
  @HttpCode(HttpStatus.OK)
  async pause(@By() caller: Caller, @Param('id') id: string, @Req() request: Request): Promise<OpenaiJob> {
    return this.steer(caller, id, 'pause', request);
  }

  @Post(':id/resume')
  @HttpCode(HttpStatus.OK)
  async resume(@By() caller: Caller, @Param('id') id: string, @Req() request: Request): Promise<OpenaiJob> {
    return this.steer(caller, id, 'resume', request);
  }

  @Get(':id/events')
  async listEvents(
    @By() { project }: Caller,
    @Param('id') id: string,
    @Query() query: unknown,
  ): Promise<Page<OpenaiJobEvent>> {
    const page = readRequest(jobEventListQuery, query);
    const job = await this.table.find(project, id);
    return toPage((await this.events.list(job.id, page)).map(toOpenaiEvent), page.limit);
  }

  @Get(':id/checkpoints')
  async listCheckpoints(
    @By() { project }: Caller,
    @Param('id') id: string,
    @Query() query: unknown,
  ): Promise<Page<OpenaiCheckpoint>> {
    const { limit, after } = readRequest(checkpointListQuery, query);
    const job = await this.table.find(project, id);
    const all = checkpointsOf(job, await this.events.steps(job.id));
    const from = after === undefined ? 0 : all.findIndex((checkpoint) => checkpoint.id === after) + 1;
    return toPage(all.slice(from), limit);
  }

  /** A word that is said again because its answer was lost finds the job as it wanted it, which is no conflict. */
  private async steer(caller: Caller, id: string, verb: keyof typeof wanted, request: Request): Promise<OpenaiJob> {
    const job = await this.table.find(caller.project, id);
    const isDone = repetitionOf(request.headers).isRetry && job.state === wanted[verb];
    if (!isDone) await this.requests[verb](job.id, caller);
    return toOpenaiJob(await this.table.find(caller.project, id));
  }
}

function toOpenaiEvent({ id, created_at: at, level, type, message, data }: JobEventRow): OpenaiJobEvent {
  return { id, object: 'fine_tuning.job.event', created_at: toSeconds(at), level, type, message, data: data ?? {} };
}
