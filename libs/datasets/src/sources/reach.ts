import type { ArtifactStore, DataBuckets } from '@anneal/artifacts';
import type { Targets } from '@anneal/outbound';
import type { SourceCache } from './source.cache.js';

/** What can be reached from here, and how much of it is taken. */
export interface Reach {
  /** Folders below which files may be read. */
  readonly fileRoots: readonly string[];
  readonly hub: { readonly endpoint: string; readonly token: string | undefined };
  /** Without one, `artifact:` leads nowhere. */
  readonly store?: ArtifactStore;
  /** Buckets of the same server that hold data; none when left out. */
  readonly buckets?: DataBuckets;
  /** Keeps what was fetched; without it, everything is fetched again each time. */
  readonly cache?: SourceCache;
  /** Hosts that `https:` may lead to: `public` when left out. */
  readonly httpsTargets?: Targets;
  /** The most that is fetched of one file; 100 GiB when left out. */
  readonly maxBytes?: number;
  /** The folder of a model of the Hub that was fetched before, for an offline service; none when left out. */
  readonly fetchedModel?: (id: string, revision: string) => Promise<string | undefined>;
  /** No network call is tried to the Hub or the internet. */
  readonly offline?: boolean;
  /** The value of a variable that holds a secret, at the moment of its use; none can be named when left out. */
  readonly secret?: (variable: string) => string | undefined;
  /** A server that sends nothing for so long is given up; a minute when left out. */
  readonly stallMs?: number;
}

/** What every fetch takes: the reach with nothing left out. */
export interface Fetching {
  readonly cache: SourceCache;
  readonly httpsTargets: Targets;
  readonly maxBytes: number;
  readonly offline: boolean;
  readonly stallMs: number;
}
