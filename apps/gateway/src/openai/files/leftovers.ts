import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Where files of callers lie on this machine for as long as they are received or checked. */
export const passingFolders = { received: 'received', checked: 'checked' } as const;
/** Nothing is received or checked for so long; several processes may share the folder. */
const oldMs = 24 * 3_600_000;

/** Removes what a process left behind that was killed while it had a file: each may be as large as a file may be. */
export async function removeLeftOvers(workDir: string): Promise<void> {
  for (const name of Object.values(passingFolders)) {
    const parent = join(workDir, name);
    for (const entry of await readdir(parent).catch(() => [])) {
      const path = join(parent, entry);
      const found = await stat(path).catch(() => undefined);
      if (found && Date.now() - found.mtimeMs > oldMs) await rm(path, { recursive: true, force: true });
    }
  }
}
