import {
  apiError,
  apiKeyView,
  artifactFiles,
  artifactLink,
  artifactList,
  evaluationReport,
  Failure,
  isFinal,
  measurementList,
  progress,
  type retryWish,
  runComparison,
  runList,
  runView,
  hostsView,
  systemView,
  type ApiKeyView,
  type ApiKeyWish,
  type ArtifactFiles,
  type ArtifactLink,
  type ArtifactOfRun,
  type EvaluationReport,
  type Measurement,
  type Progress,
  type RunComparison,
  type RunView,
  type HostsView,
  type SystemView,
} from '@anneal/contracts';
import { z } from 'zod';
import { readServerSentEvents } from './server-sent-events.js';

const oneRun = z.object({ run: runView });
const oneKey = z.object({ key: apiKeyView });

export type SteerVerb = 'cancel' | 'pause' | 'resume' | 'retry';

/** The native API of the gateway, as the command line needs it. */
export class GatewayClient {
  constructor(private readonly endpoint: { http: string; apiKey: string }) {}

  async submit(spec: unknown): Promise<RunView> {
    return (
      await this.ask(oneRun, '/api/runs', {
        method: 'POST',
        body: JSON.stringify(spec),
        headers: { 'content-type': 'application/json' },
      })
    ).run;
  }

  async list(limit: number): Promise<RunView[]> {
    return (await this.ask(runList, `/api/runs?limit=${limit}`)).runs;
  }

  async get(id: string): Promise<RunView> {
    return (await this.ask(oneRun, `/api/runs/${encodeURIComponent(id)}`)).run;
  }

  /** What its stages have stored so far. */
  async artifacts(id: string): Promise<ArtifactOfRun[]> {
    return (await this.ask(artifactList, `/api/runs/${encodeURIComponent(id)}/artifacts`)).artifacts;
  }

  async filesOf(id: string, digest: string): Promise<ArtifactFiles['files']> {
    return (await this.ask(artifactFiles, `/api/runs/${encodeURIComponent(id)}/artifacts/${digest}`)).files;
  }

  /** A link by which the bytes of a file are fetched without a key, for some minutes. */
  async linkTo(id: string, digest: string, path: string): Promise<ArtifactLink> {
    const file = `${digest}/files/${encodeURIComponent(path)}`;
    return this.ask(artifactLink, `/api/runs/${encodeURIComponent(id)}/artifacts/${file}`);
  }

  async compare(a: string, b: string): Promise<RunComparison> {
    return this.ask(runComparison, `/api/runs/compare?${new URLSearchParams({ a, b }).toString()}`);
  }

  async report(id: string): Promise<EvaluationReport> {
    return this.ask(evaluationReport, `/api/runs/${encodeURIComponent(id)}/report`);
  }

  /** @throws Failure RUN_CONFLICT when the run is in no state for it */
  async steer(id: string, verb: SteerVerb, wish?: z.infer<typeof retryWish>): Promise<RunView> {
    const body = wish && { body: JSON.stringify(wish), headers: { 'content-type': 'application/json' } };
    return (await this.ask(oneRun, `/api/runs/${encodeURIComponent(id)}/${verb}`, { method: 'POST', ...body })).run;
  }

  /** @returns the key, and its text, which is never to be had again */
  async createKey(wish: Partial<ApiKeyWish> & { name: string }): Promise<{ key: ApiKeyView; text: string }> {
    return this.ask(oneKey.extend({ text: z.string() }), '/api/keys', {
      method: 'POST',
      body: JSON.stringify(wish),
      headers: { 'content-type': 'application/json' },
    });
  }

  async listKeys(): Promise<ApiKeyView[]> {
    return (await this.ask(z.object({ keys: z.array(apiKeyView) }), '/api/keys')).keys;
  }

  /** @throws Failure KEY_NOT_FOUND */
  async revokeKey(id: string): Promise<ApiKeyView> {
    return (await this.ask(oneKey, `/api/keys/${encodeURIComponent(id)}`, { method: 'DELETE' })).key;
  }

  async hosts(): Promise<HostsView> {
    return this.ask(hostsView, '/api/hosts');
  }

  /** What trainings really took of a GPU. */
  async measurements(): Promise<Measurement[]> {
    return measurementList.parse(await (await this.call('/api/measurements')).json()).measurements;
  }

  async system(): Promise<SystemView> {
    return this.ask(systemView, '/api/system');
  }

  /** Waits until the gateway has heard of a run that was requested past it, on the broker. */
  async whenKnown(id: string, signal?: AbortSignal): Promise<RunView> {
    for (let waitedMs = 0; ; waitedMs += 100) {
      signal?.throwIfAborted();
      try {
        return await this.get(id);
      } catch (error) {
        const notYet = error instanceof Failure && error.code === 'RUN_NOT_FOUND' && waitedMs < 15_000;
        if (!notYet) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Follows a run until it is final; returns its last view. A broken connection is taken up again. */
  async watch(
    id: string,
    show: { run(view: RunView): void; progress(progress: Progress): void },
    signal?: AbortSignal,
  ): Promise<RunView> {
    let last: RunView | undefined;
    for (let tries = 0; ; tries += 1) {
      signal?.throwIfAborted();
      try {
        const response = await this.call(`/api/runs/${encodeURIComponent(id)}/watch`, {
          headers: { accept: 'text/event-stream' },
          signal: signal ?? null,
        });
        for await (const { event, data } of readServerSentEvents(response)) {
          tries = 0;
          if (event === 'progress') show.progress(progress.parse(JSON.parse(data)));
          if (event !== 'run') continue;
          last = runView.parse(JSON.parse(data));
          show.run(last);
        }
      } catch (error) {
        if (signal?.aborted || error instanceof z.ZodError || tries >= 5) throw error;
        if (error instanceof Failure && !error.retryable) throw error;
      }
      if (last && isFinal(last.state)) return last;
      await new Promise((resolve) => setTimeout(resolve, 500 * (tries + 1)));
    }
  }

  /** @throws Failure INTERNAL for an answer that no gateway gives */
  private async ask<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    init?: RequestInit,
  ): Promise<z.output<Schema>> {
    const response = await this.call(path, init);
    const answer = schema.safeParse(await response.json().catch(() => undefined));
    if (answer.success) return answer.data;
    throw this.noGateway(response, path, answer.error);
  }

  private noGateway({ status }: Response, path: string, cause?: unknown): Failure {
    return new Failure('INTERNAL', `${this.endpoint.http} answered ${status} to ${path}, and not as a gateway does.`, {
      remedy: 'Check that an Anneal gateway of this version listens there.',
      cause,
    });
  }

  private async call(path: string, init: RequestInit = {}): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(new URL(path, this.endpoint.http), {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${this.endpoint.apiKey}` },
      });
    } catch (cause) {
      throw new Failure('NOT_RUNNING', `Nothing answers at ${this.endpoint.http}.`, {
        remedy: 'Start the system with "npm run up", or name the right one with --data or ANNEAL_URL.',
        retryable: true,
        cause,
      });
    }
    if (response.ok) return response;
    const answer = apiError.safeParse(await response.json().catch(() => undefined));
    if (!answer.success) throw this.noGateway(response, path, answer.error);
    const { problems, ...detail } = answer.data.error;
    const fields = (problems ?? []).map(({ field, message }) => `\n  ${field}: ${message}`).join('');
    throw Failure.fromDetail({ ...detail, message: detail.message + fields + (fields ? '\n' : '') });
  }
}
