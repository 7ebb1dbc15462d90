import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AcceptedRunSpec } from '@anneal/contracts';
import { z } from 'zod';
import { readJson } from './hub-model.js';

const known = z.object({ commit: z.string() });

/**
 * The folder of a base model as far as it is here already: one of this machine, or one of the Hub that was fetched
 * before. Nobody is asked for it, and a branch or tag is where it was the last time.
 *
 * @returns undefined when it is not here
 * @throws what `resolveFile` throws for a folder that may not be read
 */
export async function findKnownModel(
  { base, revision }: AcceptedRunSpec['model'],
  { resolveFile, workDir }: { resolveFile: (reference: string) => Promise<string>; workDir: string },
): Promise<string | undefined> {
  if (base.startsWith('file:')) return resolveFile(base);
  if (base.startsWith('registry:')) return undefined;
  const models = join(workDir, 'models', base.replace(/^hub:/, '').replace('/', '--'));
  const noted = known.safeParse(await readJson(join(models, `${encodeURIComponent(revision)}.revision.json`)));
  const commit = noted.success ? noted.data.commit : revision;
  if (!/^[0-9a-f]{40}$/.test(commit)) return undefined;
  const complete = known.safeParse(await readJson(join(models, `${commit}.json`)));
  const directory = join(models, commit);
  return complete.success && (await stat(directory).catch(() => undefined)) ? directory : undefined;
}
