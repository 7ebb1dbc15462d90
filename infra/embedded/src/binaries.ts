import { Failure } from '@anneal/contracts';
import { SetupError } from '@anneal/setup';
import { installServers as install, type InstallOptions } from '../install.mjs';

/** Where the three servers lie: absolute paths of two programs and of PostgreSQL's folder of programs. */
export interface ServerBinaries {
  readonly nats: string;
  readonly weed: string;
  readonly pgBin: string;
}

/** Installs the servers into the cache, or finds them there. Throws a `Failure` that says what to do. */
export async function installServers(options: InstallOptions = {}): Promise<ServerBinaries> {
  try {
    const { nats, weed, pgBin } = await install(options);
    return { nats, weed, pgBin };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    throw new Failure(error.code, error.message, { remedy: error.remedy, cause: error });
  }
}
