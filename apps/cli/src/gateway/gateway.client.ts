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
    const response = await this.call('/api/runs', {
      method: 'POST',
      body: JSON.stringify(spec),
      headers: { 'content-type': 'application/json' },
    });
    return oneRun.parse(await response.json()).run;
  }

  async list(limit: number): Promise<RunView[]> {
    const response = await this.call(`/api/runs?limit=${limit}`);
    return runList.parse(await response.json()).runs;
  }

  async get(id: string): Promise<RunView> {
    const response = await this.call(`/api/runs/${encodeURIComponent(id)}`);
    return oneRun.parse(await response.json()).run;
  }

  /** What its stages have stored so far. */
  async artifacts(id: string): Promise<ArtifactOfRun[]> {
    const response = await this.call(`/api/runs/${encodeURIComponent(id)}/artifacts`);
    return artifactList.parse(await response.json()).artifacts;
  }

  async filesOf(id: string, digest: string): Promise<ArtifactFiles['files']> {
    const response = await this.call(`/api/runs/${encodeURIComponent(id)}/artifacts/${digest}`);
    return artifactFiles.parse(await response.json()).files;
  }

  /** A link by which the bytes of a file are fetched without a key, for some minutes. */
  async linkTo(id: string, digest: string, path: string): Promise<ArtifactLink> {
    const file = `${digest}/files/${encodeURIComponent(path)}`;
    const response = await this.call(`/api/runs/${encodeURIComponent(id)}/artifacts/${file}`);
    return artifactLink.parse(await response.json());
  }

  async compare(a: string, b: string): Promise<RunComparison> {
    const response = await this.call(`/api/runs/compare?${new URLSearchParams({ a, b }).toString()}`);
    return runComparison.parse(await response.json());
  }

  async report(id: string): Promise<EvaluationReport> {
    const response = await this.call(`/api/runs/${encodeURIComponent(id)}/report`);
    return evaluationReport.parse(await response.json());
  }

  /** @throws Failure RUN_CONFLICT when the run is in no state for it */
  async steer(id: string, verb: SteerVerb, wish?: z.infer<typeof retryWish>): Promise<RunView> {
    const body = wish && { body: JSON.stringify(wish), headers: { 'content-type': 'application/json' } };
    const response = await this.call(`/api/runs/${encodeURIComponent(id)}/${verb}`, { method: 'POST', ...body });
    return oneRun.parse(await response.json()).run;
  }

  /** @returns the key, and its text, which is never to be had again */
  async createKey(wish: Partial<ApiKeyWish> & { name: string }): Promise<{ key: ApiKeyView; text: string }> {
    const response = await this.call('/api/keys', {
      method: 'POST',
      body: JSON.stringify(wish),
      headers: { 'content-type': 'application/json' },
    });
    return oneKey.extend({ text: z.string() }).parse(await response.json());
  }

  async listKeys(): Promise<ApiKeyView[]> {
    const response = await this.call('/api/keys');
    return z.object({ keys: z.array(apiKeyView) }).parse(await response.json()).keys;
  }

  /** @throws Failure KEY_NOT_FOUND */
  async revokeKey(id: string): Promise<ApiKeyView> {
    const response = await this.call(`/api/keys/${encodeURIComponent(id)}`, { method: 'DELETE' });
    return oneKey.parse(await response.json()).key;
  }

  async hosts(): Promise<HostsView> {
    return hostsView.parse(await (await this.call('/api/hosts')).json());
  }

  /** What trainings really took of a GPU. */
  async measurements(): Promise<Measurement[]> {
    return measurementList.parse(await (await this.call('/api/measurements')).json()).measurements;
  }

  async system(): Promise<SystemView> {
    return systemView.parse(await (await this.call('/api/system')).json());
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

  private async call(path: string, init: RequestInit = {}): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(new URL(path, this.endpoint.http), {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${this.endpoint.apiKey}` },
      });
    } catch (cause) {
      throw new Failure('NOT_RUNNING', `Nothing answers at ${this.endpoint.http}.`, {
        remedy: 'Start the system with "npm run up", or name the right folder with --data.',
        retryable: true,
        cause,
      });
    }
    if (response.ok) return response;
    const answer = apiError.safeParse(await response.json().catch(() => undefined));
    if (!answer.success) {
      throw new Failure('INTERNAL', `${this.endpoint.http} answered ${response.status} to ${path}.`, {
        remedy: 'Check that this is an Anneal gateway.',
      });
    }
    const { problems, ...detail } = answer.data.error;
    const fields = (problems ?? []).map(({ field, message }) => `\n  ${field}: ${message}`).join('');
    throw Failure.fromDetail({ ...detail, message: detail.message + fields + (fields ? '\n' : '') });
  }
}
