import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import { weightFiles } from './base-model.js';
import { countParameters, countTensors } from './safetensors-header.js';

/** What a model says about its size, without its weights being loaded. */
export interface ModelSize {
  /** As config.json has it. */
  readonly config: unknown;
  /** Counted in the headers of the weight files; undefined where there are none. */
  readonly parameters: number | undefined;
}

/**
 * Reads the size of a model in a folder; config.json alone is enough.
 *
 * @throws Failure MODEL_NOT_FOUND or MODEL_INVALID
 */
export async function readModelSize(directory: string): Promise<ModelSize> {
  let text: string;
  try {
    text = await readFile(join(directory, 'config.json'), 'utf8');
  } catch (cause) {
    throw new Failure('MODEL_NOT_FOUND', `${directory} has no config.json that can be read.`, {
      remedy: 'Name the folder of a model in the form of Transformers, or a Hub id.',
      field: 'model',
      cause,
    });
  }
  const config = parseJson(text, `config.json of ${directory}`);
  if (!(await readdir(directory)).some((name) => name.endsWith('.safetensors')))
    return { config, parameters: undefined };
  let parameters = 0;
  for (const file of await weightFiles(directory, directory))
    parameters += await countParameters(join(directory, file), directory);
  return { config, parameters };
}

export interface HubAccess {
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly signal?: AbortSignal;
}

const shardIndex = z.object({ weight_map: z.record(z.string(), z.string()) });
const answerMs = 20_000;
const mostShards = 500;

/**
 * Reads the size of a model on the Hub: config.json and the headers of its weight files, some kilobytes in all.
 *
 * @throws Failure MODEL_NOT_FOUND, MODEL_GATED, MODEL_INVALID or HUB_UNAVAILABLE
 */
export async function readHubModelSize(id: string, revision: string, hub: HubAccess): Promise<ModelSize> {
  const get = (file: string, range?: string): Promise<Response> => ask(id, revision, file, hub, range);
  const found = await get('config.json');
  if (!found.ok) throw await refusal(id, found);
  const config = parseJson(await found.text(), `config.json of ${id}`);
  const index = await get('model.safetensors.index.json');
  const names = index.ok ? shardsOf(parseJson(await index.text(), `index of ${id}`)) : ['model.safetensors'];
  if (!index.ok) await index.body?.cancel();
  const counts = await Promise.all(
    names.slice(0, mostShards).map(async (name) =>
      countTensors(async (start, length) => {
        const part = await get(name, `bytes=${start}-${start + length - 1}`);
        if (part.status === 206) return Buffer.from(await part.arrayBuffer());
        // A server that ignores the range would send gigabytes.
        await part.body?.cancel();
        throw part.status === 404 ? new NoWeights() : await refusal(id, part);
      }, id).catch((error: unknown) => {
        if (error instanceof Failure && error.cause instanceof NoWeights) return undefined;
        throw error;
      }),
    ),
  );
  const whole = counts.length > 0 && counts.every((count) => count !== undefined);
  return { config, parameters: whole ? counts.reduce((sum, count) => sum + count, 0) : undefined };
}

class NoWeights extends Error {}

function shardsOf(value: unknown): string[] {
  const parsed = shardIndex.safeParse(value);
  return parsed.success ? [...new Set(Object.values(parsed.data.weight_map))] : [];
}

async function ask(id: string, revision: string, file: string, hub: HubAccess, range?: string): Promise<Response> {
  const url = new URL(`/${id}/resolve/${encodeURIComponent(revision)}/${file}`, hub.endpoint);
  const headers: Record<string, string> = {
    ...(hub.token === undefined ? {} : { authorization: `Bearer ${hub.token}` }),
    ...(range === undefined ? {} : { range }),
  };
  const signals = [AbortSignal.timeout(answerMs), ...(hub.signal ? [hub.signal] : [])];
  try {
    return await fetch(url, { headers, signal: AbortSignal.any(signals) });
  } catch (cause) {
    hub.signal?.throwIfAborted();
    throw unreachable(id, cause);
  }
}

async function refusal(id: string, response: Response): Promise<Failure> {
  const gated = response.headers.get('x-error-code') === 'GatedRepo' || response.status === 403;
  await response.body?.cancel();
  const field = 'model';
  if (gated) {
    const remedy = 'Accept its terms on the Hub and set HF_TOKEN, or name a folder that holds its config.json.';
    return new Failure('MODEL_GATED', `The model ${id} is gated.`, { remedy, field });
  }
  if (response.status === 401 || response.status === 404) {
    const remedy = 'Check the id and the revision; a private model needs HF_TOKEN.';
    return new Failure('MODEL_NOT_FOUND', `The Hub has no model ${id} with a config.json at that revision.`, {
      remedy,
      field,
    });
  }
  return unreachable(id, new Error(`status ${response.status}`));
}

function unreachable(id: string, cause: unknown): Failure {
  return new Failure('HUB_UNAVAILABLE', `The Hub could not be reached for ${id}.`, {
    remedy: 'Check the way to the Hub, or name a folder that holds the config.json of the model.',
    field: 'model',
    cause,
  });
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure('MODEL_INVALID', `The ${what} is no JSON.`, {
      remedy: 'Fetch or save the model again.',
      field: 'model',
      cause,
    });
  }
}
