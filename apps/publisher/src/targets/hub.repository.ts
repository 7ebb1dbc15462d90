import { Failure } from '@anneal/contracts';
import {
  commit,
  createRepo,
  HubApiError,
  listCommits,
  listFiles,
  modelInfo,
  type CommitOperation,
} from '@huggingface/hub';

export interface HubCommit {
  readonly oid: string;
  readonly title: string;
}

/** A file as the Hub lists it: one in LFS has a SHA-256, one in git has git's own digest. */
export interface HubFile {
  readonly size: number;
  readonly sha256: string | undefined;
  readonly gitOid: string | undefined;
}

export interface HubAccess {
  readonly hubUrl: string;
  readonly accessToken: string;
  readonly signal: AbortSignal;
}

/** One model repository, as far as publishing needs it. */
export class HubRepository {
  private readonly call;

  constructor(
    readonly name: string,
    private readonly access: HubAccess,
  ) {
    const { hubUrl, accessToken, signal } = access;
    const abortable: typeof fetch = (input, init) =>
      fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, signal]) : signal });
    this.call = { repo: { type: 'model' as const, name }, hubUrl, accessToken, fetch: abortable };
  }

  /**
   * Makes the repository unless it is there. It is looked for first: a token for this one repository may write to it,
   * but is refused when it asks to create it.
   *
   * @throws Failure PUBLISH_REFUSED when a private repository is wanted and a public one is there
   */
  async ensure(isPrivate: boolean): Promise<void> {
    const found = await modelInfo({ ...this.call, name: this.name }).catch(unless(404));
    if (!found) await createRepo({ ...this.call, visibility: isPrivate ? 'private' : 'public' }).catch(unless(409));
    if (!found || found.private || !isPrivate) return;
    throw new Failure('PUBLISH_REFUSED', `${this.name} is public, and a private repository was asked for.`, {
      remedy: 'Make the repository private, or set publish.private to false.',
      field: 'publish.private',
    });
  }

  /** The newest commit, and what was committed after `parent`, the newest first. */
  async commitsSince(parent: string | undefined): Promise<{ head: string | undefined; since: HubCommit[] }> {
    const since: HubCommit[] = [];
    let head: string | undefined;
    for await (const { oid, title } of listCommits(this.call)) {
      head ??= oid;
      if (parent === undefined || oid === parent) break;
      since.push({ oid, title });
    }
    return { head, since };
  }

  async filesAt(revision: string): Promise<Map<string, HubFile>> {
    const files = new Map<string, HubFile>();
    for await (const { type, path, size, lfs, oid } of listFiles({ ...this.call, revision, recursive: true })) {
      if (type === 'file') files.set(path, { size, sha256: lfs?.oid, gitOid: lfs ? undefined : oid });
    }
    return files;
  }

  /** Commits onto `parent` and nothing else; the Hub answers 412 when it is no longer the newest commit. */
  async commit(title: string, parent: string | undefined, operations: CommitOperation[]): Promise<string> {
    const output = await commit({
      ...this.call,
      title,
      operations,
      abortSignal: this.access.signal,
      // The plain LFS protocol: every server that speaks for the Hub knows it.
      useXet: false,
      ...(parent === undefined ? {} : { parentCommit: parent }),
    });
    if (output) return output.commit.oid;
    throw new Failure('HUB_UNAVAILABLE', 'The Hub took the commit without naming it.', {
      remedy: 'It is tried again.',
    });
  }
}

function unless(expected: number): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof HubApiError && error.statusCode === expected) return undefined;
    throw error;
  };
}
