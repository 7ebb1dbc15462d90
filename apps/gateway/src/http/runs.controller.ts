import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Failure, type EvaluationReport, type RunSpec, type RunView } from '@anneal/contracts';
import { LOGGER, type Logger } from '@anneal/service';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  HttpStatus,
  Inject,
  Param,
  Post,
  Query,
  Res,
  type OnModuleDestroy,
} from '@nestjs/common';
import { z } from 'zod';
import { RunQueries } from '../runs/run.queries.js';
import { RunRequests } from '../runs/run.requests.js';
import { toRunView } from '../runs/run.view.js';
import { checkSpec } from '../runs/spec.check.js';
import { RunFeed } from '../watch/run.feed.js';
import { tellRun } from '../watch/tell-run.js';

interface Reply {
  readonly raw: ServerResponse;
  getHeaders(): OutgoingHttpHeaders;
  hijack(): unknown;
  status(code: number): this;
}

const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  before: z.string().min(1).optional(),
});

/** Runs over HTTP. The key of the API has been checked when a request arrives here. */
@Controller('api/runs')
export class RunsController implements OnModuleDestroy {
  private readonly stopping = new AbortController();

  constructor(
    private readonly requests: RunRequests,
    private readonly queries: RunQueries,
    private readonly feed: RunFeed,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** The server closes when its last connection does, and a watching client would never hang up. */
  onModuleDestroy(): void {
    this.stopping.abort();
  }

  @Post()
  async start(@Body() body: unknown, @Res({ passthrough: true }) reply: Reply): Promise<{ run: RunView }> {
    const { run, created } = await this.requests.start(checkSpec(body));
    reply.status(created ? HttpStatus.ACCEPTED : HttpStatus.OK);
    return { run: toRunView(run) };
  }

  @Post('validate')
  @HttpCode(HttpStatus.OK)
  validate(@Body() body: unknown): { spec: RunSpec } {
    return { spec: checkSpec(body) };
  }

  @Get()
  async list(@Query() query: unknown): Promise<{ runs: RunView[] }> {
    const runs = await this.queries.newest(readListQuery(query));
    return { runs: runs.map(toRunView) };
  }

  @Get(':id')
  async find(@Param('id') id: string): Promise<{ run: RunView }> {
    return { run: toRunView(await this.queries.find(id)) };
  }

  @Get(':id/report')
  report(@Param('id') id: string): Promise<EvaluationReport> {
    return this.queries.report(id);
  }

  @Post(':id/cancel')
  @HttpCode(HttpStatus.OK)
  async cancel(@Param('id') id: string): Promise<{ run: RunView }> {
    return { run: toRunView(await this.requests.cancel(id, 'api')) };
  }

  @Post(':id/pause')
  @HttpCode(HttpStatus.OK)
  async pause(@Param('id') id: string): Promise<{ run: RunView }> {
    return { run: toRunView(await this.requests.pause(id, 'api')) };
  }

  @Post(':id/resume')
  @HttpCode(HttpStatus.OK)
  async resume(@Param('id') id: string): Promise<{ run: RunView }> {
    return { run: toRunView(await this.requests.resume(id, 'api')) };
  }

  @Post(':id/retry')
  @HttpCode(HttpStatus.OK)
  async retry(@Param('id') id: string): Promise<{ run: RunView }> {
    return { run: toRunView(await this.requests.retry(id, 'api')) };
  }

  @Get(':id/watch')
  async watch(@Param('id') id: string, @Res() reply: Reply): Promise<void> {
    // Whether the run is there has to be known before the answer begins.
    await this.queries.find(id);
    reply.hijack();
    reply.raw.writeHead(HttpStatus.OK, {
      ...reply.getHeaders(),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // Proxies that collect an answer before they pass it on would turn it into silence.
      'x-accel-buffering': 'no',
    });
    try {
      await tellRun(reply.raw, {
        read: () => this.queries.find(id),
        listen: (listener) => this.feed.listen(id, listener),
        signal: this.stopping.signal,
      });
    } catch (error) {
      // The answer has begun, so the stream just ends; the client connects again.
      this.logger.warn({ err: error, runId: id }, 'watching a run ended early');
    }
  }
}

function readListQuery(query: unknown): z.infer<typeof listQuery> {
  const read = listQuery.safeParse(query);
  if (read.success) return read.data;
  const field = read.error.issues[0]?.path.map(String).join('.') ?? '';
  throw new Failure('SPEC_INVALID', `The query parameter "${field}" is not valid.`, {
    remedy: 'limit is a number from 1 to 100, before the id of a run.',
    field,
  });
}
