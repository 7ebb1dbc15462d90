import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** What was installed to its end below the cache, by the beginnings of its names. */
function inCache(): { cache: string; find: (beginning: string) => string | undefined } {
  const { ANNEAL_CACHE, XDG_CACHE_HOME } = process.env;
  const cache = ANNEAL_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'anneal');
  const names = existsSync(cache) ? readdirSync(cache) : [];
  const find = (beginning: string): string | undefined => {
    const name = names.find((one) => one.startsWith(beginning) && existsSync(join(cache, one, '.ok')));
    return name === undefined ? undefined : join(cache, name);
  };
  return { cache, find };
}

/** lm-eval beside the engine, where the installers put them, or why there is none. */
export function installedLmEval(): { python: string; packages: string } | string {
  const { cache, find } = inCache();
  const engine = find('engine-');
  const harness = find('lm-eval-');
  if (engine === undefined) return `there is no engine in ${cache}`;
  if (harness === undefined) return `there is no lm-eval in ${cache}`;
  const [version = ''] = readdirSync(join(harness, 'lib'));
  return { python: join(engine, 'bin', 'python'), packages: join(harness, 'lib', version, 'site-packages') };
}

/** The engine and the demo model where the installers put them, or why there is none. */
export function installedEngine(): { python: string; model: string } | string {
  const { cache, find } = inCache();
  const names = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : []);
  const engine = find('engine-');
  const model = names(join(cache, 'models')).find((name) =>
    existsSync(join(cache, 'models', name, 'model.safetensors')),
  );
  if (engine === undefined) return `there is no engine in ${cache}`;
  if (model === undefined) return `there is no demo model in ${cache}`;
  return { python: join(engine, 'bin', 'python'), model: join(cache, 'models', model) };
}
