import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resolveFileReference, type ArtifactStore } from '@anneal/artifacts';
import { Failure, type AcceptedRunSpec } from '@anneal/contracts';
import type { Reach } from '../sources/reach.js';
import { withFamilyTemplate } from './family.template.js';
import { readTokenizerFiles, type TokenizerFileName, type TokenizerFiles } from './tokenizer.files.js';

type BaseModel = AcceptedRunSpec['model'];
type Read = (name: TokenizerFileName | 'config.json') => Promise<string | undefined>;

/** The largest tokenizer.json known has 33 MB. */
const mostBytes = 128 * 1024 * 1024;
const answerMs = 20_000;

/**
 * Brings the files of a base model that say how text becomes tokens when it is trained, and none of its weights.
 *
 * @returns nothing when they are not within reach: whoever needs the model itself says why
 */
export async function findTokenizer(
  model: BaseModel,
  reach: Reach,
  signal: AbortSignal,
): Promise<TokenizerFiles | undefined> {
  try {
    const read = await readerOf(model, reach, signal);
    const files = await readTokenizerFiles(read);
    return files && files.template === undefined ? withFamilyTemplate(files, await read('config.json')) : files;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Failure || error instanceof OutOfReach || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

class OutOfReach extends Error {}

async function readerOf({ base, revision }: BaseModel, reach: Reach, signal: AbortSignal): Promise<Read> {
  if (base.startsWith('file:')) {
    const options = { roots: reach.fileRoots, field: 'model.base', missing: 'MODEL_NOT_FOUND' } as const;
    return folderReader(await resolveFileReference(base, options));
  }
  if (base.startsWith('registry:')) return registryReader(base, reach.store);
  if (reach.offline) {
    const directory = await reach.fetchedModel?.(base.replace(/^hub:/, ''), revision);
    if (directory === undefined) throw new OutOfReach();
    return folderReader(directory);
  }
  return (name) =>
    fromHub(`${base.replace(/^hub:/, '')}/resolve/${encodeURIComponent(revision)}/${name}`, reach, signal);
}

function folderReader(directory: string): Read {
  return (name) => unlessMissing(readFile(join(directory, name), 'utf8'));
}

async function registryReader(base: string, store: ArtifactStore | undefined): Promise<Read> {
  if (!store) throw new OutOfReach();
  const [, name = '', tag] = base.split(':');
  const { artifact } = await store.resolveTag(name, tag);
  const names = new Set((await store.readManifest(artifact)).files.map(({ path }) => path));
  return async (file) => (names.has(file) ? (await store.getFile(artifact, file)).toString('utf8') : undefined);
}

async function fromHub(path: string, { hub }: Reach, signal: AbortSignal): Promise<string | undefined> {
  const headers: Record<string, string> = hub.token === undefined ? {} : { authorization: `Bearer ${hub.token}` };
  let response: Response;
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
    response = await fetch(new URL(path, `${hub.endpoint.replace(/\/$/, '')}/`), { headers, signal: limit });
  } catch {
    signal.throwIfAborted();
    throw new OutOfReach();
  }
  const isTooLarge = Number(response.headers.get('content-length') ?? 0) > mostBytes;
  if (response.ok && !isTooLarge) return response.text();
  await response.body?.cancel();
  if (response.status === 404) return undefined;
  throw new OutOfReach();
}

async function unlessMissing(read: Promise<string>): Promise<string | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR'].includes(String(error.code)))
      return undefined;
    throw new OutOfReach();
  }
}
