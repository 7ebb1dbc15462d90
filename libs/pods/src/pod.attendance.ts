import type { PodExit, PodRun } from './pod.run.js';
import type { UploadSink } from './pod.uploads.js';

const lookMs = 500;

export interface Attendance {
  readonly sink: UploadSink;
  readonly signal: AbortSignal;
  /** For how long it may go on without anybody, when the service stops. */
  readonly adoptSeconds: number;
  /** Hears what it waits for, and that it runs. */
  readonly tell?: (phase: 'running' | { readonly waitsFor: string }) => void;
}

/**
 * Attends to a short piece of work until its end. When its run is over or paused the pod is removed; when only this service
 * stops, or another one has the job by now, it goes on and is adopted.
 */
export async function attendPod(run: PodRun, { sink, signal, adoptSeconds, tell }: Attendance): Promise<PodExit> {
  run.attach(sink);
  const silence = report(run, tell);
  try {
    return await run.wait(signal);
  } catch (error) {
    const { reason } = signal as { reason: unknown };
    if (reason === 'cancelled' || reason === 'paused') await run.kill();
    else if (reason !== 'lease-lost') await run.leaveFor(adoptSeconds);
    throw error;
  } finally {
    silence();
    run.close();
  }
}

function report(run: PodRun, tell: Attendance['tell']): () => void {
  if (tell === undefined) return () => undefined;
  let last = '';
  const timer = setInterval(() => {
    const state = run.state();
    const phase = state === 'waiting' ? run.waitsFor() : state;
    if (phase === last || state === 'ended') return;
    last = phase;
    tell(state === 'waiting' ? { waitsFor: phase } : 'running');
  }, lookMs);
  return () => clearInterval(timer);
}
