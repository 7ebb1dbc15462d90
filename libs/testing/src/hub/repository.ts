import { createHash, randomBytes } from 'node:crypto';

export type RepositoryType = 'model' | 'dataset';

export interface HubFile {
  readonly bytes: Buffer;
  /** Large and binary files are kept beside git, behind a pointer. */
  readonly lfs: boolean;
}

export interface HubCommit {
  readonly oid: string;
  readonly title: string;
  readonly author: string;
  readonly date: string;
  /** Everything that stands in the repository after this commit. */
  readonly files: ReadonlyMap<string, HubFile>;
}

export interface RepositorySettings {
  readonly type?: RepositoryType;
  readonly private?: boolean;
  /** Its files are for those only whose tokens may read it, though anybody sees that it exists. */
  readonly gated?: boolean;
}

const inLfs = /\.(safetensors|bin|parquet|gguf|pt)$/;
const largestInGit = 10 * 1024 * 1024;

/** Whether the Hub wants a file beside git: by its name or by its size. */
export function belongsInLfs(path: string, size: number): boolean {
  return inLfs.test(path) || size > largestInGit;
}

/** A repository of the Hub: a line of commits on one branch. */
export class HubRepository {
  readonly type: RepositoryType;
  readonly private: boolean;
  readonly gated: boolean;
  private readonly line: HubCommit[] = [];

  constructor(
    readonly name: string,
    settings: RepositorySettings = {},
  ) {
    this.type = settings.type ?? 'model';
    this.private = settings.private ?? false;
    this.gated = settings.gated ?? false;
    this.commit('initial commit', { put: { '.gitattributes': '*.safetensors filter=lfs\n' } });
  }

  /** The commits, the newest first. */
  get commits(): readonly HubCommit[] {
    return this.line.toReversed();
  }

  get head(): HubCommit {
    const head = this.line.at(-1);
    if (!head) throw new Error(`${this.name} has no commit`);
    return head;
  }

  /** Finds a branch, or a commit by its id. */
  find(revision: string): HubCommit | undefined {
    if (revision === 'main' || revision === 'HEAD') return this.head;
    return this.line.find(({ oid }) => oid === revision);
  }

  /** The bytes of a file at a revision. */
  file(path: string, revision = 'main'): Buffer | undefined {
    return this.find(revision)?.files.get(path)?.bytes;
  }

  /** Commits as somebody would who works on the repository in another way. */
  commit(title: string, change: { put?: Record<string, string | Buffer>; remove?: readonly string[] }): HubCommit {
    const put = Object.entries(change.put ?? {}).map(([path, content]): [string, HubFile] => {
      const bytes = Buffer.from(content);
      return [path, { bytes, lfs: belongsInLfs(path, bytes.length) }];
    });
    return this.append({ title, author: 'somebody', put, remove: change.remove ?? [] });
  }

  append(change: {
    title: string;
    author: string;
    put: readonly [string, HubFile][];
    remove: readonly string[];
  }): HubCommit {
    const files = new Map(this.line.at(-1)?.files);
    for (const path of change.remove) files.delete(path);
    for (const [path, file] of change.put) files.set(path, file);
    const oid = createHash('sha1').update(randomBytes(20)).digest('hex');
    const commit = { oid, title: change.title, author: change.author, date: new Date().toISOString(), files };
    this.line.push(commit);
    return commit;
  }
}
