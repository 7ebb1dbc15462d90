import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ArtifactCache, ArtifactStore } from '@anneal/artifacts';
import { runToEnd } from '@anneal/compute';
import { Failure, type AcceptedRunSpec, type BaseModel } from '@anneal/contracts';
import { z } from 'zod';
import { fetchCommand } from './axolotl-commands.js';
import { fetchProcessEnv, type EngineLocation } from './engine-environment.js';

export interface LocateOptions {
  /** Turns file:DIR into a real path below the folders that the service may read. */
  readonly resolveFile: (reference: string) => Promise<string>;
  /** From where models with a Hub id are fetched; the only step that may use the network. */
  readonly hub: { readonly endpoint: string; readonly token: string | undefined };
  readonly engine: EngineLocation;
  /** Models of the Hub go here, and so do digests of local ones: gigabytes are fetched and hashed once. */
  readonly workDir: string;
  readonly store: Pick<ArtifactStore, 'resolveTag'>;
  readonly cache: Pick<ArtifactCache, 'materialise'>;
  readonly signal: AbortSignal;
}

export interface LocatedModel {
  /** A folder in the form of Transformers: config.json, safetensors, tokenizer. Nobody writes into it. */
  readonly directory: string;
  readonly base: BaseModel;
  /** Positions that the model knows, undefined when its configuration does not say. */
  readonly maxPositions: number | undefined;
}

/**
 * Finds the base model of a run on this machine, fetching it first when it is the Hub's or the registry's.
 *
 * @throws Failure MODEL_NOT_FOUND, MODEL_INVALID, MODEL_GATED or HUB_UNAVAILABLE
 */
export async function locateBaseModel(model: AcceptedRunSpec['model'], options: LocateOptions): Promise<LocatedModel> {
  const { base: reference } = model;
  const { directory, revision } = await bringHere(model, options);
  const config = await readConfig(directory, reference);
  const files = await weightFiles(directory, reference);
  let parameters = 0;
  for (const file of files) parameters += await countParameters(join(directory, file), reference);
  const base = { reference, revision: revision ?? (await digestOf(directory, files, options)), parameters };
  return { directory, base, maxPositions: maxPositions(config) };
}

async function bringHere(
  { base, revision }: AcceptedRunSpec['model'],
  options: LocateOptions,
): Promise<{ directory: string; revision?: string }> {
  const { resolveFile, store, cache, signal } = options;
  if (base.startsWith('file:')) return { directory: await resolveFile(base) };
  if (base.startsWith('registry:')) {
    const [, name = '', tag] = base.split(':');
    const { artifact } = await store.resolveTag(name, tag);
    return { directory: await cache.materialise(artifact, signal), revision: artifact.digest };
  }
  return fetchFromHub(base.replace(/^hub:/, ''), revision, options);
}

const fetched = z.object({ directory: z.string(), revision: z.string() });
const commit = /^[0-9a-f]{40}$/;

/** A model of the Hub at a revision. A commit never changes, so one that is here is not asked for again. */
async function fetchFromHub(
  id: string,
  revision: string,
  { engine, hub, workDir, signal }: LocateOptions,
): Promise<{ directory: string; revision: string }> {
  const folder = createHash('sha256').update(`${id}@${revision}`).digest('hex').slice(0, 16);
  const directory = join(workDir, 'models', `${id.replace('/', '--')}-${folder}`);
  const note = `${directory}.json`;
  const known = fetched.safeParse(await readJson(note));
  if (known.success && commit.test(revision)) return known.data;
  await mkdir(directory, { recursive: true });
  const { command, args } = fetchCommand(engine, { id, revision, directory });
  const env = fetchProcessEnv(engine, { home: join(workDir, 'models', 'home'), ...hub });
  const { code, stdout, stderr } = await runToEnd({ command, args, env, cwd: directory, signal });
  if (code !== 0) {
    // A branch that was fetched before is good enough when the Hub is away.
    if (code === fetchStatus.unreachable && known.success) return known.data;
    throw fetchFailure(id, code, stderr);
  }
  const result = fetched.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
  await writeAtomically(note, JSON.stringify(result));
  return result;
}

/** Exit statuses of `anneal_engine.fetch_model`. */
const fetchStatus = { missing: 3, gated: 4, unreachable: 5 } as const;

function fetchFailure(id: string, code: number | null, stderr: string): Failure {
  const detail = stderr.trim().split('\n').at(-1) ?? '';
  const options = { field: 'model.base', cause: new Error(detail) };
  if (code === fetchStatus.missing) {
    const remedy = 'Check the id and the revision of the model on the Hub.';
    return new Failure('MODEL_NOT_FOUND', `The Hub has no model ${id} at that revision.`, { ...options, remedy });
  }
  if (code === fetchStatus.gated) {
    const remedy = 'Accept its terms on the Hub, and give the service an HF_TOKEN that may read it.';
    return new Failure('MODEL_GATED', `The model ${id} is gated.`, { ...options, remedy });
  }
  if (code === fetchStatus.unreachable) {
    const remedy = 'Check the way to the Hub, or name a local copy as file:DIRECTORY.';
    return new Failure('HUB_UNAVAILABLE', `The Hub could not be reached for ${id}.`, { ...options, remedy });
  }
  return new Failure('ENGINE_BUG', `Fetching ${id} broke: ${detail}`, {
    ...options,
    remedy: 'Check that ENGINE_PYTHON is the Python of a complete engine.',
  });
}

const modelConfig = z.object({
  max_position_embeddings: z.number().optional(),
  n_positions: z.number().optional(),
  text_config: z.object({ max_position_embeddings: z.number().optional() }).optional(),
});
type ModelConfig = z.infer<typeof modelConfig>;

function maxPositions(config: ModelConfig): number | undefined {
  return config.max_position_embeddings ?? config.n_positions ?? config.text_config?.max_position_embeddings;
}

async function readConfig(directory: string, reference: string): Promise<ModelConfig> {
  const found = await stat(directory).catch(() => undefined);
  if (!found?.isDirectory()) {
    throw invalid(`${reference} is not a folder.`, 'Name the folder that holds config.json and the weights.');
  }
  let text: string;
  try {
    text = await readFile(join(directory, 'config.json'), 'utf8');
  } catch (cause) {
    const remedy = 'Name a folder in the form of Transformers: config.json, *.safetensors and tokenizer files.';
    throw invalid(`${reference} has no config.json.`, remedy, cause);
  }
  try {
    return modelConfig.parse(JSON.parse(text));
  } catch (cause) {
    throw invalid(`The config.json of ${reference} cannot be read.`, 'Fetch or save the model again.', cause);
  }
}

const shardIndex = z.object({ weight_map: z.record(z.string(), z.string()) });

/** The files that hold the weights, by name. */
async function weightFiles(directory: string, reference: string): Promise<string[]> {
  const names = await readdir(directory);
  const index = names.find((name) => name === 'model.safetensors.index.json');
  if (index !== undefined) {
    const parsed = shardIndex.safeParse(JSON.parse(await readFile(join(directory, index), 'utf8')) as unknown);
    const shards = parsed.success ? [...new Set(Object.values(parsed.data.weight_map))].sort() : [];
    const missing = shards.find((shard) => !names.includes(shard));
    if (shards.length > 0 && missing === undefined) return shards;
    throw invalid(
      missing === undefined
        ? `${index} of ${reference} cannot be read.`
        : `${reference} lacks the weight file ${missing}.`,
      'Fetch or save the model again; the copy is not complete.',
    );
  }
  if (names.includes('model.safetensors')) return ['model.safetensors'];
  const pickled = names.some((name) => /^pytorch_model.*\.bin$/.test(name));
  throw invalid(
    `${reference} has no weights in model.safetensors${pickled ? ', only in pytorch_model.bin, which can hold code' : ''}.`,
    pickled
      ? 'Save the model again as safetensors.'
      : 'Name a folder that holds model.safetensors, whole or in shards.',
  );
}

const tensorHeader = z.record(z.string(), z.unknown());
const tensor = z.object({ shape: z.array(z.int().min(0)) });
const mostHeaderBytes = 100 * 1024 * 1024;

/** Counts the numbers of every tensor from the header of a safetensors file: its length, then JSON. */
async function countParameters(path: string, reference: string): Promise<number> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const length = Buffer.alloc(8);
    await file.read(length, 0, 8, 0);
    const bytes = Number(length.readBigUInt64LE());
    if (size < 8 || bytes > Math.min(size - 8, mostHeaderBytes)) throw new Error('the file ends inside its header');
    const header = Buffer.alloc(bytes);
    await file.read(header, 0, bytes, 8);
    const entries = Object.entries(tensorHeader.parse(JSON.parse(header.toString('utf8'))));
    const shapes = entries.filter(([name]) => name !== '__metadata__').map(([, value]) => tensor.parse(value).shape);
    return shapes.reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0);
  } catch (cause) {
    throw invalid(
      `A weight file of ${reference} cannot be read.`,
      'Fetch or save the model again; the copy is damaged.',
      cause,
    );
  } finally {
    await file.close();
  }
}

interface KnownFile {
  readonly name: string;
  readonly size: number;
  readonly mtimeMs: number;
}
const knownDigest = z.object({
  files: z.array(z.object({ name: z.string(), size: z.number(), mtimeMs: z.number() })),
  digest: z.string(),
});

/** Digest over names, sizes and contents of the weight files. */
async function digestOf(directory: string, names: string[], { workDir, signal }: LocateOptions): Promise<string> {
  const files: KnownFile[] = [];
  for (const name of names) {
    const { size, mtimeMs } = await stat(join(directory, name));
    files.push({ name, size, mtimeMs });
  }
  const note = join(
    workDir,
    'model-digests',
    `${createHash('sha256').update(directory).digest('hex').slice(0, 32)}.json`,
  );
  const known = knownDigest.safeParse(await readJson(note));
  if (known.success && JSON.stringify(known.data.files) === JSON.stringify(files)) return known.data.digest;
  const whole = createHash('sha256');
  for (const { name, size } of files) {
    const content = createHash('sha256');
    await pipeline(createReadStream(join(directory, name)), content, { signal });
    whole.update(`${JSON.stringify([name, size, content.digest('hex')])}\n`);
  }
  const digest = whole.digest('hex');
  await mkdir(join(workDir, 'model-digests'), { recursive: true });
  await writeAtomically(note, JSON.stringify({ files, digest }));
  return digest;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Several services of a host may write the same note at once. */
async function writeAtomically(path: string, text: string): Promise<void> {
  const own = `${path}.${randomUUID()}`;
  await writeFile(own, text);
  await rename(own, path);
}

function invalid(message: string, remedy: string, cause?: unknown): Failure {
  return new Failure('MODEL_INVALID', message, { remedy, field: 'model.base', cause });
}
