import { dirname, join } from 'node:path';
import type { EngineLocation } from './engine-environment.js';

export interface EngineCommand {
  readonly command: string;
  readonly args: string[];
}

const script = (engine: EngineLocation, name: string, args: string[]): EngineCommand => ({
  command: engine.python,
  args: ['-m', `anneal_engine.${name}`, ...args],
});
const program = (engine: EngineLocation, name: string): string => join(dirname(engine.python), name);

/**
 * A training by Axolotl under Accelerate, as `axolotl train` would start it, with one import of torch less. Every value
 * that Accelerate would otherwise guess is given.
 *
 * Several processes on the CPU are started as if they had GPUs, and ACCELERATE_USE_CPU of their environment keeps them off
 * them: with `--cpu`, Accelerate 1.15 starts one process, however many are asked for, and says nothing.
 *
 * @param device what each of the processes trains on
 * @param port of the rendezvous of several processes; its own per training, since the default one collides
 */
export function trainCommand(
  engine: EngineLocation,
  { config, device, processes, port }: { config: string; device: 'cpu' | 'gpu'; processes: number; port?: number },
): EngineCommand {
  const several = processes > 1;
  const launcher = [
    'launch',
    `--num_processes=${processes}`,
    '--num_machines=1',
    '--dynamo_backend=no',
    ...(device === 'cpu' ? ['--mixed_precision=no', ...(several ? [] : ['--cpu'])] : []),
    ...(several ? ['--multi_gpu', `--main_process_port=${port ?? 0}`] : []),
  ];
  return { command: program(engine, 'accelerate'), args: [...launcher, '-m', 'axolotl.cli.train', config] };
}

/** What a container starts: the pod runner, which starts everything else. */
export interface PodCommand {
  readonly command: string[];
  readonly args: string[];
}

function inPod(engine: EngineLocation, { command, args }: EngineCommand): PodCommand {
  const runner = script(engine, 'pod_runner', ['--', command, ...args]);
  return { command: [runner.command, ...runner.args.slice(0, 2)], args: runner.args.slice(2) };
}

/** Kubernetes would fill in what looks like `$(NAME)`, also in a text of a user. */
function asItIs({ command, args }: EngineCommand): EngineCommand {
  return { command, args: args.map((arg) => arg.replaceAll('$', '$$$$')) };
}

/** Of the configuration of the container; Kubernetes fills it in. */
const yamlFile = '$(YAML_FILE)';

/**
 * The same training in a container of its own, where the pod runner starts it. Kubernetes fills in `$(NUM_PROCESSES)` and
 * `$(YAML_FILE)` from the configuration of the container.
 */
export function podCommand(
  engine: EngineLocation,
  { device, processes }: { device: 'cpu' | 'gpu'; processes: number },
): PodCommand {
  // Nobody else is in the network of the pod.
  const port = 29_500;
  const started = trainCommand(engine, { config: yamlFile, device, processes, port });
  const filledIn = `--num_processes=${processes}`;
  const args = started.args.map((arg) => (arg === filledIn ? '--num_processes=$(NUM_PROCESSES)' : arg));
  return inPod(engine, { command: started.command, args });
}

/**
 * A merge and the comparison after it in a container of their own, and the trained tokenizer in between. Paths are relative to
 * the work folder; the configuration is `$(YAML_FILE)`.
 *
 * @param tokenizer the names of a tokenizer's files
 */
export function podMergeCommand(
  engine: EngineLocation,
  {
    tokenizer,
    ...paths
  }: { base: string; adapter: string; output: string; merged: string; prompts: string; tokenizer: RegExp },
): PodCommand {
  const { adapter, merged, output } = paths;
  const merge = mergeCommand(engine, { config: yamlFile, adapter, output });
  const compare = parityCommand(engine, paths);
  const options = [`--adapter=${adapter}`, `--merged=${merged}`, `--tokenizer=${tokenizer.source}`];
  const steps = asItIs(script(engine, 'merge_steps', options));
  const commands = ['--', merge.command, ...merge.args, '--', compare.command, ...compare.args];
  return inPod(engine, { command: steps.command, args: [...steps.args, ...commands] });
}

/** A batch generation in a container of its own. */
export function podGenerateCommand(engine: EngineLocation, options: GenerateOptions): PodCommand {
  return inPod(engine, asItIs(generateCommand(engine, options)));
}

/** Folds an adapter into its base model; the result lies in `<output>/merged`. The configuration names no plugins. */
export function mergeCommand(
  engine: EngineLocation,
  { config, adapter, output }: { config: string; adapter: string; output: string },
): EngineCommand {
  return {
    command: program(engine, 'axolotl'),
    args: ['merge-lora', config, `--lora-model-dir=${adapter}`, `--output-dir=${output}`],
  };
}

export interface GenerateOptions {
  readonly model: string;
  /** JSON lines {id, prompt} or {id, messages}. */
  readonly input: string;
  /** JSON lines {id, text, finish, promptTokens, tokens, seconds}, appended to; ids that are there are not asked again. */
  readonly output: string;
  readonly batch: number;
  readonly answerTokens: number;
  /** Texts that end an answer. */
  readonly stop?: readonly string[];
  readonly device: 'cpu' | 'gpu';
}

/** Greedy batch generation with Transformers. */
export function generateCommand(engine: EngineLocation, options: GenerateOptions): EngineCommand {
  return script(engine, 'generate', [
    `--model=${options.model}`,
    `--input=${options.input}`,
    `--output=${options.output}`,
    `--batch-size=${options.batch}`,
    `--max-new-tokens=${options.answerTokens}`,
    `--device=${options.device === 'gpu' ? 'cuda' : 'cpu'}`,
    ...(options.stop ?? []).map((text) => `--stop=${text}`),
  ]);
}

/** Compares a merged model with base and adapter, tensor by tensor and on real prompts; prints one JSON object. */
export function parityCommand(
  engine: EngineLocation,
  { base, adapter, merged, prompts }: { base: string; adapter: string; merged: string; prompts: string },
): EngineCommand {
  return script(engine, 'merge_parity', [
    `--base=${base}`,
    `--adapter=${adapter}`,
    `--merged=${merged}`,
    `--prompts=${prompts}`,
  ]);
}

/** Fetches a model of the Hub at a revision into a folder; prints {directory, revision} with the commit. */
export function fetchCommand(
  engine: EngineLocation,
  { id, revision, directory }: { id: string; revision: string; directory: string },
): EngineCommand {
  return script(engine, 'fetch_model', [`--id=${id}`, `--revision=${revision}`, `--directory=${directory}`]);
}

/** Axolotl's own validation of many configurations: lines of {name, gpus, config}; prints {ok, errors, checked}. */
export function checkManyCommand(engine: EngineLocation, file: string): EngineCommand {
  return script(engine, 'check_config', [file]);
}
