import { execFileSync, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';

/** PostgreSQL refuses root. As whom it runs instead, and the words to put before its commands. */
export interface PostgresAccount {
  readonly wrapper: readonly string[];
  /** The account to switch to, which has to own the data; absent when this process's own will do. */
  readonly account?: { readonly uid: number; readonly gid: number };
}

export type AccountKind = 'own' | 'namespace' | 'dataOwner' | 'nobody';

// A user namespace shows PostgreSQL another id while files stay ours: no change of owner, and it works in a private home.
const namespaceWrapper = ['unshare', '--user', '--map-user=65534', '--map-group=65534'];

/** Decides as whom PostgreSQL runs. `dataOwner` is the id that owns existing data. */
export function chooseAccount(facts: { isRoot: boolean; dataOwner?: number; namespacesWork: boolean }): AccountKind {
  if (!facts.isRoot) return 'own';
  // PostgreSQL also refuses data of somebody else, so the first choice for a folder holds for good.
  if (facts.dataOwner !== undefined && facts.dataOwner !== 0) return 'dataOwner';
  return facts.namespacesWork ? 'namespace' : 'nobody';
}

/** Finds out as whom PostgreSQL can run on this machine with this data folder. */
export function findPostgresAccount(dataFolder: string): PostgresAccount {
  const owner = statSync(dataFolder, { throwIfNoEntry: false });
  const isRoot = process.getuid?.() === 0;
  const kind = chooseAccount({ isRoot, dataOwner: owner?.uid, namespacesWork: isRoot && namespacesWork() });
  switch (kind) {
    case 'own':
      return { wrapper: [] };
    case 'namespace':
      return { wrapper: namespaceWrapper };
    case 'dataOwner':
      return { wrapper: [], account: { uid: owner?.uid ?? 0, gid: owner?.gid ?? 0 } };
    case 'nobody':
      return { wrapper: [], account: { uid: idOfNobody('-u'), gid: idOfNobody('-g') } };
  }
}

/** Gives files to the account that PostgreSQL runs as. */
export function giveTo({ account }: PostgresAccount, path: string): void {
  if (account) execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, path]);
}

function namespacesWork(): boolean {
  const [command = '', ...args] = [...namespaceWrapper, 'true'];
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

function idOfNobody(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
}
