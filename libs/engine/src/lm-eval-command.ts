import type { EngineCommand } from './axolotl-commands.js';
import { engineProcessEnv, type EngineLocation, type EngineProcess } from './engine-environment.js';

export interface LmEvalOptions {
  /** Name of a task that lm-eval knows, or that a file of `include` describes. */
  readonly task: string;
  /** A folder in the form of Transformers, or a server with the name that the model has there. */
  readonly model:
    { readonly folder: string; readonly device: 'cpu' | 'gpu' } | { readonly url: string; readonly name: string };
  readonly batch: number;
  /** Examples before each question; the task's own number when left out. */
  readonly shots?: number | undefined;
  readonly limit?: number | undefined;
  /** Folder with descriptions of own tasks. */
  readonly include?: string | undefined;
  /** Folder for the results. */
  readonly output: string;
  /** Beginning of the names of files that keep every answer: with it a run goes on where a killed one was. */
  readonly cache: string;
}

/** A task of lm-eval on one model, every item of it logged. */
export function lmEvalCommand(engine: EngineLocation, options: LmEvalOptions): EngineCommand {
  const { task, model, batch, shots, limit, include, output, cache } = options;
  const asked =
    'folder' in model
      ? ['--model=hf', `--model_args=${JSON.stringify({ pretrained: model.folder, dtype: 'auto' })}`]
      : [
          '--model=local-completions',
          `--model_args=${JSON.stringify({
            model: model.name,
            base_url: `${model.url.replace(/\/+$/, '')}/completions`,
            num_concurrent: batch,
            max_retries: 5,
            tokenizer_backend: 'none',
            tokenized_requests: false,
          })}`,
        ];
  return {
    command: engine.python,
    args: [
      ...['-m', 'lm_eval', 'run', ...asked, `--tasks=${task}`],
      ...('folder' in model
        ? [`--device=${model.device === 'gpu' ? 'cuda' : 'cpu'}`, `--batch_size=${batch}`]
        : ['--batch_size=1']),
      ...(shots === undefined ? [] : [`--num_fewshot=${shots}`]),
      ...(limit === undefined ? [] : [`--limit=${limit}`]),
      ...(include === undefined ? [] : [`--include_path=${include}`]),
      ...[`--output_path=${output}`, '--log_samples', `--use_cache=${cache}`],
    ],
  };
}

/**
 * The environment of lm-eval: that of an engine process with its packages before the engine's. It may fetch the data of a
 * task from the Hub, so it is the user's own cache and network that it uses.
 *
 * @param packages where its packages lie
 */
export function lmEvalProcessEnv(
  engine: EngineLocation,
  { packages, online, ...options }: EngineProcess & { packages: string; online: boolean },
): Record<string, string> {
  const {
    HF_HUB_OFFLINE,
    HF_DATASETS_OFFLINE,
    TRANSFORMERS_OFFLINE,
    HF_HOME = '',
    ...rest
  } = engineProcessEnv(engine, options);
  const { HF_HOME: ownHome, HOME, OPENAI_API_KEY = 'none', HF_ENDPOINT, HF_TOKEN } = process.env;
  const theirs = ownHome ?? (HOME === undefined ? HF_HOME : `${HOME}/.cache/huggingface`);
  const reach: Record<string, string | undefined> = online
    ? { HF_HOME: theirs, HF_ENDPOINT, HF_TOKEN }
    : { HF_HOME, HF_HUB_OFFLINE, HF_DATASETS_OFFLINE, TRANSFORMERS_OFFLINE };
  const set = Object.entries(reach).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    ...rest,
    ...Object.fromEntries(set),
    PYTHONPATH: `${rest['PYTHONPATH'] ?? ''}:${packages}`,
    OPENAI_API_KEY,
  };
}
