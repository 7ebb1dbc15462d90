import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodListener } from '@anneal/pods';
import type { RunFolder } from '../training/run.folder.js';
import { eventsUpTo } from '../training/training.log.js';

/**
 * Copies what a pod says into the run's folder, where everything else finds it as if the training ran here.
 *
 * @param start of the training, as its Job names it
 */
export function copyInto(folder: RunFolder, attempt: number, start: string): PodListener {
  const output = join(folder.process, 'stdout.log');
  return {
    begin: async () => {
      await mkdir(folder.process, { recursive: true });
      const before = await readFile(folder.events, 'utf8').catch(() => '');
      // What was copied of this start is copied again from its beginning.
      await writeFile(folder.events, eventsUpTo(before, attempt, start));
      await writeFile(output, '');
    },
    event: (event) => appendFile(folder.events, `${JSON.stringify(event)}\n`),
    line: (text) => appendFile(output, `${text}\n`),
  };
}
