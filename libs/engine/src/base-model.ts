import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ArtifactStore } from '@anneal/artifacts';
import { Failure, type AcceptedRunSpec, type ArtifactRef, type BaseModel } from '@anneal/contracts';
import { z } from 'zod';
import { fetchFromHub, readJson, writeAtomically, type HubOptions } from './hub-model.js';
import { countParameters } from './safetensors-header.js';

export interface LocateOptions extends HubOptions {
  /** Turns file:DIR into a real path below the folders that the service may read. */
  readonly resolveFile: (reference: string) => Promise<string>;
  readonly store: Pick<ArtifactStore, 'resolveTag'>;
  /** Puts a model of the registry into a folder on this machine. */
  readonly place: (artifact: ArtifactRef) => Promise<string>;
}

export interface LocatedModel {
  /** A folder in the form of Transformers: config.json, safetensors, tokenizer. Nobody writes into it. */
  readonly directory: string;
  readonly base: BaseModel;
  /** Positions that the model knows, undefined when its configuration does not say. */
  readonly maxPositions: number | undefined;
  /** As its config.json has it. */
  readonly config: unknown;
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
  return { directory, base, maxPositions: maxPositions(modelConfig.parse(config)), config };
}

/**
 * Positions that the model in a folder knows, undefined when its configuration does not say.
 *
 * @throws Failure MODEL_INVALID
 */
export async function readMaxPositions(directory: string): Promise<number | undefined> {
  return maxPositions(modelConfig.parse(await readConfig(directory, directory)));
}

/** The same model as it was found before, however its branch or tag has moved since. */
export function pinBaseModel(model: AcceptedRunSpec['model'], { revision }: BaseModel): AcceptedRunSpec['model'] {
  if (model.base.startsWith('file:')) return model;
  if (!model.base.startsWith('registry:')) return { ...model, revision };
  const [, name = ''] = model.base.split(':');
  return { ...model, base: `registry:${name}:${revision}` };
}

async function bringHere(
  { base, revision }: AcceptedRunSpec['model'],
  options: LocateOptions,
): Promise<{ directory: string; revision?: string }> {
  const { resolveFile, store, place } = options;
  if (base.startsWith('file:')) return { directory: await resolveFile(base) };
  if (base.startsWith('registry:')) {
    const [, name = '', tag] = base.split(':');
    const { artifact } = await store.resolveTag(name, tag);
    return { directory: await place(artifact), revision: artifact.digest };
  }
  return fetchFromHub(base.replace(/^hub:/, ''), revision, options);
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

async function readConfig(directory: string, reference: string): Promise<unknown> {
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
    const config: unknown = JSON.parse(text);
    modelConfig.parse(config);
    return config;
  } catch (cause) {
    throw invalid(`The config.json of ${reference} cannot be read.`, 'Fetch or save the model again.', cause);
  }
}

const shardIndex = z.object({ weight_map: z.record(z.string(), z.string()) });

/** The files that hold the weights, by name. */
export async function weightFiles(directory: string, reference: string): Promise<string[]> {
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

function invalid(message: string, remedy: string, cause?: unknown): Failure {
  return new Failure('MODEL_INVALID', message, { remedy, field: 'model.base', cause });
}
