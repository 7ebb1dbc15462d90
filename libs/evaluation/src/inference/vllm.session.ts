import { VllmServer, type ServedRequest, type VllmOptions } from './vllm.server.js';

/**
 * Does something with a vLLM server that is started for it, or found again, and ends the server afterwards.
 *
 * @param work gets the address, up to /v1, and a signal that also ends it when the server dies or hangs
 * @throws GenerationEnded when its process ended, ServerHangs when it gives no sign of life
 */
export async function onVllm(
  request: ServedRequest,
  options: VllmOptions,
  work: (url: string, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const server = await VllmServer.adoptOrStart(request, options);
  const over = new AbortController();
  const signal = AbortSignal.any([request.signal, over.signal]);
  const ready = server.ready(signal);
  const watching = server.watch(ready, signal);
  try {
    // What the watch finds out ends the work, too.
    watching.catch((error: unknown) => over.abort(error));
    await Promise.race([ready, watching]);
    await work(server.url, signal);
  } catch (error) {
    // Whoever holds the lease now may have adopted it.
    if (request.signal.reason === 'lease-lost') over.abort();
    else await end(server, over);
    throw error;
  }
  await end(server, over);
}

async function end(server: VllmServer, watching: AbortController): Promise<void> {
  // First: its end is no news then.
  watching.abort();
  await server.kill();
}
