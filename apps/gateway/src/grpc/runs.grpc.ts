import { once, type EventEmitter } from 'node:events';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { runId } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { readYaml } from '../http/body.js';
import { readRequest } from '../http/read-request.js';
import type { Caller } from '../keys/caller.js';
import { RunQueries } from '../runs/run.queries.js';
import { RunRequests } from '../runs/run.requests.js';
import { checkSpec } from '../runs/spec.check.js';
import { RunFeed } from '../watch/run.feed.js';
import { runUpdates } from '../watch/run-updates.js';
import { CallEdge } from './call.edge.js';
import type { ListRequest__Output } from './generated/anneal/runs/v1/ListRequest.js';
import type { ListResponse } from './generated/anneal/runs/v1/ListResponse.js';
import type { RunsHandlers } from './generated/anneal/runs/v1/Runs.js';
import type { RunUpdate } from './generated/anneal/runs/v1/RunUpdate.js';
import type { SubmitRequest__Output } from './generated/anneal/runs/v1/SubmitRequest.js';
import type { SubmitResponse } from './generated/anneal/runs/v1/SubmitResponse.js';
import { Runs } from './protocol.js';
import { stageOf } from './progress.message.js';
import { toRunMessage, toUpdateMessage } from './run.message.js';
import { readStruct } from './struct.js';

const oneRun = z.object({ id: runId });
const onePage = z.object({ page_size: z.int().min(0).max(100), page_token: z.literal('').or(runId) });
const usualPage = 20;

/** Runs over gRPC: maps messages to what callers may ask, and back. */
@Injectable()
export class RunsGrpc {
  constructor(
    private readonly edge: CallEdge,
    private readonly requests: RunRequests,
    private readonly queries: RunQueries,
    private readonly feed: RunFeed,
  ) {}

  handlers(): RunsHandlers {
    const { edge, requests, queries } = this;
    const { Submit, Get, List, Cancel, Pause, Resume, Retry, Watch } = Runs.service;
    return {
      Submit: edge.unary(Submit, 'submit', (request, by) => this.submit(request, by)),
      Get: edge.unary(Get, 'read', async (request, by) => toRunMessage(await queries.find(by.project, idOf(request)))),
      List: edge.unary(List, 'read', (request, by) => this.list(request, by)),
      Cancel: edge.unary(Cancel, 'submit', async (request, by) =>
        toRunMessage(await requests.cancel(idOf(request), by)),
      ),
      Pause: edge.unary(Pause, 'submit', async (request, by) => toRunMessage(await requests.pause(idOf(request), by))),
      Resume: edge.unary(Resume, 'submit', async (request, by) =>
        toRunMessage(await requests.resume(idOf(request), by)),
      ),
      Retry: edge.unary(Retry, 'submit', async (request, by) =>
        toRunMessage(await requests.retry(idOf(request), by, stageOf(request.from))),
      ),
      Watch: edge.stream(Watch, 'read', (request, by, to, signal) => this.watch(idOf(request), by, to, signal)),
    };
  }

  private async submit(request: SubmitRequest__Output, { project }: Caller): Promise<SubmitResponse> {
    const { run, created } = await this.requests.start(checkSpec(givenSpec(request)), project);
    return { run: toRunMessage(run), created };
  }

  private async list({ pageSize, pageToken }: ListRequest__Output, { project }: Caller): Promise<ListResponse> {
    const asked = readRequest(onePage, { page_size: pageSize, page_token: pageToken });
    const size = asked.page_size || usualPage;
    // One more than asked for tells whether there is another page.
    const found = await this.queries.newest(project, { limit: size + 1, before: asked.page_token || undefined });
    const runs = found.slice(0, size);
    return { runs: runs.map(toRunMessage), nextPageToken: found.length > size ? runs.at(-1)?.id : '' };
  }

  private async watch(
    id: string,
    { project }: Caller,
    to: Pick<ServerWritableStream<unknown, RunUpdate>, 'write'> & EventEmitter,
    signal: AbortSignal,
  ): Promise<void> {
    const updates = runUpdates({
      read: () => this.queries.find(project, id),
      listen: (listener) => this.feed.listen(id, listener),
      signal,
    });
    for await (const update of updates) {
      // What comes until then waits where only the newest is kept.
      if (!to.write(toUpdateMessage(update))) await once(to, 'drain', { signal }).catch(() => undefined);
    }
    signal.throwIfAborted();
  }
}

/** @throws Failure REQUEST_INVALID */
function idOf(request: { id: string }): string {
  return readRequest(oneRun, request).id;
}

/** @throws InvalidSpec for a text that is no YAML */
function givenSpec({ runSpec, spec, yaml }: SubmitRequest__Output): unknown {
  switch (runSpec) {
    case 'spec':
      return spec ? readStruct(spec) : undefined;
    case 'yaml':
      return readYaml(yaml ?? '');
    case undefined:
      return undefined;
  }
}
