import { totalmem } from 'node:os';
import { readFile, stat } from 'node:fs/promises';
import { Failure, measurementList, type Estimate, type Measurement, type RunSpec } from '@anneal/contracts';
import type { ModelSize } from '@anneal/engine';
import { Command, InvalidArgumentError, Option } from 'commander';
import { findGateway } from '../gateway/endpoints.js';
import { GatewayClient } from '../gateway/gateway.client.js';
import { readRunSpec, requireSpec } from '../run-spec/read-run-spec.js';
import { paint } from '../terminal/colours.js';
import { estimateLines } from '../terminal/estimate-lines.js';
import { printJson } from './options.js';

interface EstimateOptions {
  readonly model?: string;
  readonly revision: string;
  readonly method?: string;
  readonly objective?: string;
  readonly hosts?: string;
  readonly strategy?: string;
  readonly sequenceLength?: number;
  readonly microBatch?: number;
  readonly rows?: number;
  readonly tokensPerRow?: number;
  readonly measured?: string;
  readonly server: boolean;
  readonly data?: string;
  readonly json: boolean;
}

/** Exit status: 0 it fits, 1 it does not, 2 the call was wrong. */
export function estimateCommand(): Command {
  return new Command('estimate')
    .description('say whether a training fits and how long it may last; needs neither a server nor a GPU')
    .argument('[run.yaml]', 'a RunSpec; or give --model and --method')
    .option('--model <dir|id>', 'folder with config.json, or the id of a model on the Hub (which is asked then)')
    .option('--revision <name>', 'branch, tag or commit of a model on the Hub', 'main')
    .addOption(
      new Option('--method <name>', 'how to train; dpo is lora that learns from pairs').choices([
        'lora',
        'qlora',
        'full',
        'dpo',
      ]),
    )
    .addOption(new Option('--objective <name>', 'what to learn (default: sft)').choices(['sft', 'dpo']))
    .option('--hosts <text>', 'cpu, or GPUs as 3x48GB (default: what this machine has)')
    .addOption(
      new Option('--strategy <name>', 'how several GPUs share the work (default: auto)').choices([
        'auto',
        'single',
        'ddp',
        'fsdp',
        'deepspeed',
        'zero1',
        'zero2',
        'zero3',
      ]),
    )
    .option('--sequence-length <tokens>', 'the longest row', wholeNumber)
    .option('--micro-batch <rows>', 'rows that a process takes at once', wholeNumber)
    .option('--rows <count>', 'rows to train on, for the duration', wholeNumber)
    .option('--tokens-per-row <tokens>', 'what a row has on average (default: as many as the longest)', wholeNumber)
    .addOption(
      new Option('--measured <file>', 'correct it by measured peaks: what GET /api/measurements answered').conflicts(
        'server',
      ),
    )
    .option('--server', 'correct it by the peaks that the running system measured', false)
    .option('--data <dir>', 'data folder of the running system (default: ANNEAL_DATA, else .anneal)')
    .option('--json', 'print nothing but JSON on standard output', false)
    .addHelpText(
      'after',
      '\nExit status: 0 it fits, 1 it does not fit, 2 the call was wrong or named nothing that is there.',
    )
    .action(async (file: string | undefined, options: EstimateOptions) => {
      let estimate: Estimate;
      try {
        estimate = await estimateFor(file, options);
      } catch (error) {
        // The statuses 0 and 1 are the answer itself here.
        if (!(error instanceof Failure)) throw error;
        if (options.json) printJson({ error: error.toDetail() });
        else process.stderr.write(`${paint('red', error.message, process.stderr)} ${error.remedy}\n`);
        process.exitCode = 2;
        return;
      }
      if (!estimate.fits) process.exitCode = 1;
      if (options.json) return printJson(estimate);
      console.log(estimateLines(estimate).join('\n'));
    });
}

async function estimateFor(file: string | undefined, options: EstimateOptions): Promise<Estimate> {
  const { correctionOf, estimateRun, hostsOf, modelShape, parseHosts, readModelConfig } =
    await import('@anneal/planning');
  const wish = await wishOf(file, options);
  const size = await sizeOf(wish.model.base, wish.model.revision ?? 'main');
  const hosts =
    options.hosts === undefined
      ? hostsOf(await (await import('@anneal/compute')).detectGpus(), totalmem())
      : parseHosts(options.hosts, totalmem());
  const { rows, tokensPerRow } = options;
  const data = rows === undefined ? await dataOf(wish.dataset.source) : { rows, tokensPerRow };
  const reference = wish.model.base;
  const model = modelShape(readModelConfig(size.config, reference), size.parameters);
  const { training } = wish;
  // Peaks are measured on GPUs only.
  const correction = correctionOf(hosts.gpus === 0 ? [] : await measurementsFor(options), model, training);
  return estimateRun({ reference, model, training, hosts, data, correction });
}

/** Those of a file or of the running system, where one of the two is asked for. */
async function measurementsFor({ measured, server, data }: EstimateOptions): Promise<Measurement[]> {
  if (server) return new GatewayClient(await findGateway(data)).measurements();
  if (measured === undefined) return [];
  const refused = (what: string, cause: unknown): Failure =>
    new Failure('REQUEST_INVALID', `${measured} ${what}.`, {
      remedy: 'Give a file with the answer of GET /api/measurements, or --server to ask the running system.',
      field: 'measured',
      cause,
    });
  const text = await readFile(measured, 'utf8').catch((cause: unknown) => {
    throw refused('cannot be read', cause);
  });
  const parsed = measurementList.safeParse(parseJson(text));
  if (!parsed.success) throw refused('holds no measurements', parsed.error);
  return parsed.data.measurements;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The RunSpec of the file with what the options change about it, or one of the options alone. */
async function wishOf(file: string | undefined, options: EstimateOptions): Promise<RunSpec> {
  if (file === undefined && (options.model === undefined || options.method === undefined)) {
    throw new Failure('REQUEST_INVALID', 'There is nothing to estimate.', {
      remedy: 'Name a RunSpec, or give --model and --method.',
    });
  }
  const given = file === undefined ? {} : asRecord(await readRunSpec(file));
  const training = {
    ...asRecord(given['training']),
    ...defined({
      method: options.method,
      objective: options.objective,
      strategy: options.strategy,
      sequenceLength: options.sequenceLength,
      microBatch: options.microBatch,
    }),
  };
  const wish = {
    dataset: { source: 'unknown/unknown' },
    ...given,
    ...(options.model === undefined
      ? {}
      : { model: { base: await referenceOf(options.model), revision: options.revision } }),
    training,
  };
  return requireSpec(wish, file);
}

/** A folder that is there is a folder; whatever else looks like owner/name is one of the Hub. */
async function referenceOf(model: string): Promise<string> {
  const found = await stat(model).catch(() => undefined);
  if (found?.isDirectory()) return `file:${model}`;
  if (/^(hub:)?[\w.-]+\/[\w.-]+$/.test(model) && !model.startsWith('.')) return model;
  throw new Failure('MODEL_NOT_FOUND', `There is no folder ${model}.`, {
    remedy: 'Name a folder that holds config.json, or the id of a model on the Hub (owner/name).',
    field: 'model',
  });
}

async function sizeOf(base: string, revision: string): Promise<ModelSize> {
  const { readHubModelSize, readModelSize } = await import('@anneal/engine');
  if (base.startsWith('file:')) return readModelSize(base.slice('file:'.length));
  if (base.startsWith('registry:')) {
    throw new Failure('REQUEST_INVALID', `${base} is in the store of a running system, which is not asked here.`, {
      remedy: 'Name the base model that it was made of with --model.',
      field: 'model.base',
    });
  }
  const { HF_ENDPOINT: endpoint = 'https://huggingface.co', HF_TOKEN: token } = process.env;
  return readHubModelSize(base.replace(/^hub:/, ''), revision, { endpoint, token });
}

const charactersPerToken = 3;

/** What a local JSONL file says about the data; nothing for data that is elsewhere. */
async function dataOf(source: string): Promise<{ rows?: number; tokensPerRow?: number }> {
  const path = source.slice('file:'.length);
  if (!source.startsWith('file:') || !path.endsWith('.jsonl')) return {};
  const { readTextLines } = await import('@anneal/rows');
  let [rows, characters] = [0, 0];
  try {
    for await (const { text } of readTextLines(path, () => new Error('a line is too long'))) {
      rows += 1;
      characters += text.length;
    }
  } catch {
    // Whether the file is any good is for the run to say; without it the duration is unknown.
    return {};
  }
  return rows === 0 ? {} : { rows, tokensPerRow: Math.ceil(characters / rows / charactersPerToken) };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It has to be a whole number above zero.');
  return value;
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function defined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
