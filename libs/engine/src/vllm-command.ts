import { dirname, join } from 'node:path';
import type { EngineCommand } from './axolotl-commands.js';
import { engineProcessEnv, type EngineLocation, type EngineProcess } from './engine-environment.js';

/**
 * A vLLM server for one model, on the loopback address alone. It knows the model by its folder. With a generation
 * configuration of its own, since the model's may sample or punish repetition.
 */
export function vllmCommand(
  engine: EngineLocation,
  { model, port, gpus }: { model: string; port: number; gpus: number },
): EngineCommand {
  return {
    command: join(dirname(engine.python), 'vllm'),
    args: [
      'serve',
      model,
      `--served-model-name=${model}`,
      '--host=127.0.0.1',
      `--port=${port}`,
      '--generation-config=vllm',
      '--seed=0',
      `--tensor-parallel-size=${gpus}`,
    ],
  };
}

/** The complete environment of a vLLM server: that of an engine process, with vLLM's own reports and caches in their place. */
export function vllmProcessEnv(engine: EngineLocation, options: EngineProcess): Record<string, string> {
  return {
    ...engineProcessEnv(engine, options),
    VLLM_NO_USAGE_STATS: '1',
    VLLM_CACHE_ROOT: join(options.home, 'vllm'),
  };
}
