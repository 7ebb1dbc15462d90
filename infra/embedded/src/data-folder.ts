import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The folders below the data folder. `run` holds what only matters while the servers run. */
export interface DataFolder {
  readonly root: string;
  readonly stateFile: string;
  readonly run: string;
  readonly log: string;
  readonly nats: string;
  readonly postgres: string;
  readonly s3: string;
}

export function openDataFolder(dataDir: string): DataFolder {
  const root = resolve(dataDir);
  const folder: DataFolder = {
    root,
    stateFile: join(root, 'state.json'),
    run: join(root, 'run'),
    log: join(root, 'log'),
    nats: join(root, 'nats'),
    postgres: join(root, 'postgres'),
    s3: join(root, 's3'),
  };
  // PostgreSQL may run under another account than this process: it must be able to pass through.
  for (const path of [folder.root, folder.run]) mkdirSync(path, { recursive: true, mode: 0o711 });
  for (const path of [folder.log, folder.nats, folder.s3]) mkdirSync(path, { recursive: true, mode: 0o700 });
  return folder;
}
