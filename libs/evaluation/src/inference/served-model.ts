import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import { ServerConnection } from './server.connection.js';

const models = z.object({ data: z.array(z.object({ id: z.string() })) });

/**
 * The name under which a server knows its one model.
 *
 * @param url ends in /v1
 * @throws Failure INFERENCE_UNAVAILABLE, or CONFIG_INVALID when it has none or several
 */
export async function servedModel(url: string, key: string | undefined, signal: AbortSignal): Promise<string> {
  const names = await namesOf(url, key, signal);
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  const what = only === undefined ? 'names no model' : `has ${names.length} models: ${names.slice(0, 10).join(', ')}`;
  throw new Failure('CONFIG_INVALID', `The server at ${url} ${what}.`, { remedy: 'Say which one is to be asked.' });
}

async function namesOf(url: string, key: string | undefined, signal: AbortSignal): Promise<string[]> {
  const connection = new ServerConnection(url, { connections: 1, key });
  try {
    const { status, text } = await connection.get('models', { signal, timeoutMs: 30_000 });
    if (status !== 200) throw new Error(`it answered ${status}`);
    return models.parse(JSON.parse(text)).data.map(({ id }) => id);
  } catch (cause) {
    signal.throwIfAborted();
    const why =
      cause instanceof Error && !(cause instanceof z.ZodError) ? cause.message : 'its answer is of another form';
    throw new Failure('INFERENCE_UNAVAILABLE', `The models of ${url} cannot be listed: ${why}.`, {
      remedy: 'Check the address, up to /v1, and that the server runs.',
      cause,
    });
  } finally {
    connection.close();
  }
}
