import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { detectGpus } from '@anneal/compute';
import { demandModelFolder } from '@anneal/engine';
import { installEngine } from '@anneal/engine/install';
import { BatchInference, servedModel, ServerInference, type Inference } from '@anneal/evaluation';

/** A model with the way to ask it. */
export interface AskedModel {
  /** What tells it from others, for people and files. */
  readonly name: string;
  /** Its folder, or its name on a server. */
  readonly model: string;
  /** Of a model that is not on a server. */
  readonly directory?: string;
  readonly inference: Inference;
}

export interface ModelOptions {
  /** Name on the server; the one that it has when left out. */
  readonly served?: string | undefined;
  readonly concurrency: number;
  readonly batch: number;
  /** For what a generation leaves behind. */
  readonly workDir: string;
  readonly signal: AbortSignal;
}

/** A folder is asked by a generation on this machine, an address by its server. */
export async function askedModel(reference: string, options: ModelOptions): Promise<AskedModel> {
  return /^https?:\/\//.test(reference) ? onServer(reference, options) : inFolder(resolve(reference), options);
}

async function onServer(url: string, { served, concurrency, signal }: ModelOptions): Promise<AskedModel> {
  const key = process.env['OPENAI_API_KEY'];
  const model = served ?? (await servedModel(url, key, signal));
  return {
    name: `${model} at ${url}`,
    model,
    inference: new ServerInference({ url, key, concurrency, served: model }),
  };
}

async function inFolder(model: string, { batch, workDir }: ModelOptions): Promise<AskedModel> {
  await demandModelFolder(model);
  const engine = await installEngine({ log: (line) => void process.stderr.write(`${line}\n`) });
  const [gpu] = await detectGpus();
  const inference = new BatchInference({
    engine,
    workDir,
    device: gpu?.index ?? 'cpu',
    threads: availableParallelism(),
    batch,
    leaseSeconds: 30,
  });
  return { name: model, model, directory: model, inference };
}
