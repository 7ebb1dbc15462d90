import { readdir, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

/** Where the Python environment of the engine is. */
export interface EngineLocation {
  /** Path of its `python`; the other programs lie beside it. */
  readonly python: string;
}

export interface EngineProcess {
  /** A folder of this process alone: caches, and no foreign Accelerate configuration. */
  readonly home: string;
  /** Indices of the GPUs it may see; none is the CPU. */
  readonly gpus?: readonly number[];
  /** CPU threads; all cores when left out or 0. */
  readonly threads?: number;
  /** File to which the reporting plugin appends its events. */
  readonly events?: string;
  /** A training that finds this file writes a checkpoint and ends. */
  readonly stopFile?: string;
}

const pythonFolder = join(import.meta.dirname, '..', 'python');

/** Settings that hold wherever the engine runs. */
const quiet = {
  PYTHONUNBUFFERED: '1',
  PYTHONDONTWRITEBYTECODE: '1',
  AXOLOTL_DO_NOT_TRACK: '1',
  DO_NOT_TRACK: '1',
  HF_HUB_OFFLINE: '1',
  HF_DATASETS_OFFLINE: '1',
  TRANSFORMERS_OFFLINE: '1',
  HF_HUB_DISABLE_TELEMETRY: '1',
  WANDB_MODE: 'disabled',
  TOKENIZERS_PARALLELISM: 'false',
  // A thread that waits for the others spins for milliseconds by default: beside other work that made steps five times slower.
  GOMP_SPINCOUNT: '2000',
} as const;

const cachesIn = (home: string) => ({
  HF_HOME: join(home, 'huggingface'),
  TRITON_CACHE_DIR: join(home, 'triton'),
});

/**
 * What the container of a training adds to the environment of its image. Which GPUs it may see, the container runtime says.
 *
 * @param work the one folder of the container that is written to
 * @param code folder with the package anneal_engine in the image
 */
export function podProcessEnv(
  { python }: EngineLocation,
  { work, code, device, threads }: { work: string; code: string; device: 'cpu' | 'gpu'; threads: number },
): Record<string, string> {
  const home = join(work, 'home');
  return {
    PATH: `${dirname(python)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: home,
    ...cachesIn(home),
    PYTHONPATH: code,
    ...quiet,
    ...(device === 'cpu' ? { CUDA_VISIBLE_DEVICES: '', ACCELERATE_USE_CPU: 'true' } : {}),
    OMP_NUM_THREADS: String(threads),
    ANNEAL_EVENTS: join(work, 'events.jsonl'),
    ANNEAL_STOP_FILE: join(work, 'stop'),
  };
}

/**
 * The complete environment of an engine process. Nothing of the service's own environment goes along but PATH, LANG and
 * TZ: no token, no proxy, no setting of the user's. Telemetry off is a must: with it, and without a network, Axolotl does
 * not end after the model is saved.
 */
export function engineProcessEnv({ python }: EngineLocation, options: EngineProcess): Record<string, string> {
  const { home, gpus = [], threads, events, stopFile } = options;
  const { PATH = '/usr/bin:/bin', LANG, TZ } = process.env;
  return {
    PATH: `${dirname(python)}:${PATH}`,
    ...(LANG === undefined ? {} : { LANG }),
    ...(TZ === undefined ? {} : { TZ }),
    HOME: home,
    ...cachesIn(home),
    PYTHONPATH: pythonFolder,
    ...quiet,
    CUDA_VISIBLE_DEVICES: gpus.join(','),
    ...(gpus.length === 0 ? { ACCELERATE_USE_CPU: 'true' } : {}),
    OMP_NUM_THREADS: String(threads || availableParallelism()),
    ...(events === undefined ? {} : { ANNEAL_EVENTS: events }),
    ...(stopFile === undefined ? {} : { ANNEAL_STOP_FILE: stopFile }),
  };
}

/** Whether a package that is not part of every engine is installed beside it. */
export async function engineHas({ python }: EngineLocation, name: string): Promise<boolean> {
  const lib = join(dirname(python), '..', 'lib');
  const versions = await readdir(lib).catch(() => []);
  for (const version of versions) {
    const found = await stat(join(lib, version, 'site-packages', name)).catch(() => undefined);
    if (found?.isDirectory()) return true;
  }
  return false;
}

/** The environment of the one step that may use the network: fetching a model from a Hub. */
export function fetchProcessEnv(
  engine: EngineLocation,
  options: { home: string; endpoint: string; token: string | undefined },
): Record<string, string> {
  const { HF_HUB_OFFLINE: _offline, TRANSFORMERS_OFFLINE: _too, ...environment } = engineProcessEnv(engine, options);
  return {
    ...environment,
    HF_ENDPOINT: options.endpoint,
    ...(options.token === undefined ? {} : { HF_TOKEN: options.token }),
  };
}
