import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The engine and the demo model where the installers put them, or why there is none. */
export function installedEngine(): { python: string; model: string } | string {
  const { ANNEAL_CACHE, XDG_CACHE_HOME } = process.env;
  const cache = ANNEAL_CACHE ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'anneal');
  const names = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : []);
  const engine = names(cache).find((name) => name.startsWith('engine-') && existsSync(join(cache, name, '.ok')));
  const model = names(join(cache, 'models')).find((name) =>
    existsSync(join(cache, 'models', name, 'model.safetensors')),
  );
  if (engine === undefined) return `there is no engine in ${cache}`;
  if (model === undefined) return `there is no demo model in ${cache}`;
  return { python: join(cache, engine, 'bin', 'python'), model: join(cache, 'models', model) };
}
