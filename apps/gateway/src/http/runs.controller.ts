import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import {
  comparisonQuery,
  retryWish,
  runListQuery,
  type EvaluationReport,
  type RunComparison,
  type RunSpec,
  type RunView,
} from '@anneal/contracts';
import { LOGGER, type Logger } from '@anneal/service';
import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  HttpStatus,
  Inject,
  Param,
  Post,
  Query,
  Res,
  type OnModuleDestroy,
} from '@nestjs/common';
import { By, type Caller } from '../keys/caller.js';
import { readRequest } from './read-request.js';
import { RunQueries } from '../runs/run.queries.js';
import { RunRequests } from '../runs/run.requests.js';
import { toRunView } from '../runs/run.view.js';
import { checkSpec } from '../runs/spec.check.js';
import { RunChanges } from '../watch/run.changes.js';
import { RunFeed } from '../watch/run.feed.js';
import { tellRun } from '../watch/tell-run.js';
import { tellRuns } from '../watch/tell-runs.js';

interface Reply {
  readonly raw: ServerResponse;
  getHeaders(): OutgoingHttpHeaders;
  hijack(): unknown;
  status(code: number): this;
}

/** Runs over HTTP. The key of the API has been checked when a request arrives here. */
@Controller('api/runs')
export class RunsController implements OnModuleDestroy {
  private readonly stopping = new AbortController();

  constructor(
    private readonly requests: RunRequests,
    private readonly queries: RunQueries,
    private readonly feed: RunFeed,
    private readonly changes: RunChanges,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** The server closes when its last connection does, and a watching client would never hang up. */
  onModuleDestroy(): void {
    this.stopping.abort();
  }

  @Post()
  async start(
    @By() caller: Caller,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<{ run: RunView }> {
    const { run, created } = await this.requests.start(checkSpec(body), caller.project);
    reply.status(created ? HttpStatus.ACCEPTED : HttpStatus.OK);
    return { run: toRunView(run) };
  }

  @Post('validate')
  @HttpCode(HttpStatus.OK)
  validate(@Body() body: unknown): { spec: RunSpec } {
    return { spec: checkSpec(body) };
  }

  @Get()
  async list(@By() { project }: Caller, @Query() query: unknown): Promise<{ runs: RunView[] }> {
    const runs = await this.queries.newest(project, readRequest(runListQuery, query));
    return { runs: runs.map(toRunView) };
  }

  @Get('compare')
  async compare(@By() { project }: Caller, @Query() query: unknown): Promise<RunComparison> {
    const { a, b } = readRequest(comparisonQuery, query);
    return this.queries.compare(project, a, b);
  }

  @Get(':id')
  async find(@By() { project }: Caller, @Param('id') id: string): Promise<{ run: RunView }> {
    return { run: toRunView(await this.queries.find(project, id)) };
  }

  @Get(':id/report')
  report(@By() { project }: Caller, @Param('id') id: string): Promise<EvaluationReport> {
    return this.queries.report(project, id);
  }

  @Post(':id/cancel')
  @HttpCode(HttpStatus.OK)
  async cancel(@By() caller: Caller, @Param('id') id: string): Promise<{ run: RunView }> {
    return { run: toRunView(await this.requests.cancel(id, caller)) };
  }

  @Post(':id/pause')
  @HttpCode(HttpStatus.OK)
  async pause(@By() caller: Caller, @Param('id') id: string): Promise<{ run: RunView }> {
    return { run: toRunView(await this.requests.pause(id, caller)) };
  }

  @Post(':id/resume')
  @HttpCode(HttpStatus.OK)
  async resume(@By() caller: Caller, @Param('id') id: string): Promise<{ run: RunView }> {
    return { run: toRunView(await this.requests.resume(id, caller)) };
  }

  @Post(':id/retry')
  @HttpCode(HttpStatus.OK)
  async retry(@By() caller: Caller, @Param('id') id: string, @Body() body: unknown): Promise<{ run: RunView }> {
    const { from } = readRequest(retryWish, body ?? {});
    return { run: toRunView(await this.requests.retry(id, caller, from)) };
  }

  @Get('watch')
  async watchAll(
    @By() { project }: Caller,
    @Headers('last-event-id') last: string | undefined,
    @Res() reply: Reply,
  ): Promise<void> {
    const since = /^\d{1,15}$/.test(last ?? '') ? Number(last) : await this.changes.lastChange();
    const { changes, feed } = this;
    const { signal } = this.stopping;
    await this.stream(reply, 'all runs', (client) => tellRuns(client, { project, since, changes, feed, signal }));
  }

  @Get(':id/watch')
  async watch(@By() { project }: Caller, @Param('id') id: string, @Res() reply: Reply): Promise<void> {
    // Whether the run is there has to be known before the answer begins.
    await this.queries.find(project, id);
    await this.stream(reply, id, (client) =>
      tellRun(client, {
        read: () => this.queries.find(project, id),
        listen: (listener) => this.feed.listen(id, listener),
        signal: this.stopping.signal,
      }),
    );
  }

  private async stream(reply: Reply, what: string, telling: (client: ServerResponse) => Promise<void>): Promise<void> {
    reply.hijack();
    reply.raw.writeHead(HttpStatus.OK, {
      ...reply.getHeaders(),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      // Proxies that collect an answer before they pass it on would turn it into silence.
      'x-accel-buffering': 'no',
    });
    reply.raw.flushHeaders();
    try {
      await telling(reply.raw);
    } catch (error) {
      // The answer has begun, so the stream just ends; the client connects again.
      this.logger.warn({ err: error, what }, 'watching ended early');
    }
  }
}
