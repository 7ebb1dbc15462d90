import type { EngineCommand } from './axolotl-commands.js';
import { engineProcessEnv, type EngineLocation, type EngineProcess } from './engine-environment.js';

/** A task of lm-eval, and what of it is asked, and how. */
export interface LmEvalTask {
  /** Name of a task, a group or a tag that lm-eval knows, or that a file of `folders` describes. */
  readonly task: string;
  /** Folders with descriptions of own tasks; they go before lm-eval's. */
  readonly folders: readonly string[];
  /** Examples before each question; the task's own number when left out. */
  readonly shots?: number | undefined;
  /** A seeded choice of so many items. */
  readonly limit?: number | undefined;
  readonly seed?: number | undefined;
  /** Set when questions go through the chat template: whether examples are turns of their own. */
  readonly chat?: { readonly multiturn: boolean } | undefined;
  /** Instruction before everything else. */
  readonly system?: string | undefined;
}

/** A folder in the form of Transformers, or a server with the name that the model has there. */
export type LmEvalModel =
  | { readonly folder: string; readonly device: 'cpu' | 'gpu' }
  | {
      readonly url: string;
      readonly name: string;
      readonly concurrency: number;
      /** Where its tokenizer lies: without one, likelihoods of given answers cannot be compared. */
      readonly folder?: string | undefined;
      /** Tokens of its context. */
      readonly maxLength?: number | undefined;
    };

export interface LmEvalAsking {
  readonly model: LmEvalModel;
  /** Prompts at once, of a model in a folder. */
  readonly batch: number;
  /** Database that keeps every answer: with it an asking goes on where a killed one was. */
  readonly cache: string;
  /** Gets a JSON line {answered, of} once in a while. */
  readonly progress: string;
}

/** Writes down what a task asks: a JSON line on the task, and one on each item. */
export function describeTaskCommand(engine: EngineLocation, task: LmEvalTask, output: string): EngineCommand {
  return taskCommand(engine, 'describe', task, [`--output=${output}`]);
}

/** Has lm-eval put a task to a model, and writes down what came of each item. */
export function askTaskCommand(
  engine: EngineLocation,
  task: LmEvalTask,
  { model, batch, cache, progress, output }: LmEvalAsking & { output: string },
): EngineCommand {
  return taskCommand(engine, 'ask', task, [
    ...[`--model=${JSON.stringify(model)}`, `--batch=${batch}`],
    ...[`--cache=${cache}`, `--progress=${progress}`, `--output=${output}`],
  ]);
}

function taskCommand(
  engine: EngineLocation,
  action: 'describe' | 'ask',
  { task, folders, shots, limit, seed, chat, system }: LmEvalTask,
  more: readonly string[],
): EngineCommand {
  return {
    command: engine.python,
    args: [
      ...['-m', 'anneal_engine.lm_eval_task', action, `--task=${task}`],
      ...folders.map((folder) => `--tasks=${folder}`),
      ...(shots === undefined ? [] : [`--shots=${shots}`]),
      ...(limit === undefined ? [] : [`--limit=${limit}`]),
      ...(seed === undefined ? [] : [`--seed=${seed}`]),
      ...(chat ? ['--chat', ...(chat.multiturn ? [] : ['--one-turn'])] : []),
      ...(system === undefined ? [] : [`--system=${system}`]),
      ...more,
    ],
  };
}

export interface LmEvalProcess extends EngineProcess {
  /** Where the packages of lm-eval lie. */
  readonly packages: string;
  /** Folder with the data of tasks, in the form of Hugging Face's cache (HF_HOME). */
  readonly data: string;
  /** From where data that is not there may be fetched; without it, from nowhere. */
  readonly hub?: { readonly endpoint?: string | undefined; readonly token?: string | undefined } | undefined;
  /** Of the server that is asked. */
  readonly key?: string | undefined;
}

/** The environment of lm-eval: that of an engine process, with the packages and the data of lm-eval. */
export function lmEvalProcessEnv(
  engine: EngineLocation,
  { packages, data, hub, key, ...options }: LmEvalProcess,
): Record<string, string> {
  const { HF_HUB_OFFLINE, HF_DATASETS_OFFLINE, TRANSFORMERS_OFFLINE, ...rest } = engineProcessEnv(engine, options);
  const reach: Record<string, string | undefined> = hub
    ? { HF_ENDPOINT: hub.endpoint, HF_TOKEN: hub.token }
    : { HF_HUB_OFFLINE, HF_DATASETS_OFFLINE, TRANSFORMERS_OFFLINE };
  const set = Object.entries(reach).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    ...rest,
    ...Object.fromEntries(set),
    HF_HOME: data,
    PYTHONPATH: `${rest['PYTHONPATH'] ?? ''}:${packages}`,
    // lm-eval sends it to any server, and does not start without one.
    OPENAI_API_KEY: key ?? 'none',
  };
}
