import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Failure, type Manifest } from '@anneal/contracts';
import type { CommitOperation } from '@huggingface/hub';
import type { HubFile } from './hub.repository.js';

const card = 'README.md';
/** What a loader may read from the top folder of a repository, and would mix with the files of a new version. */
const loadable = /^[^/]+\.(safetensors|bin|pt|json|jinja|model|txt|py)$/;

/** The files of an artifact, here in a folder and, once they are published, in a repository. */
export class PublishedFiles {
  private readonly files: Manifest['files'];

  constructor(
    manifest: Manifest,
    private readonly directory: string,
  ) {
    // The card that the engine wrote tells of the host, and the publisher writes its own.
    this.files = manifest.files.filter(({ path }) => path !== card);
  }

  /** What turns a repository with these files into one that holds this version and nothing of an earlier one. */
  async operations(text: string, there: ReadonlyMap<string, HubFile>): Promise<CommitOperation[]> {
    const operations: CommitOperation[] = [{ operation: 'addOrUpdate', path: card, content: new Blob([text]) }];
    for (const { path } of this.files) {
      operations.push({ operation: 'addOrUpdate', path, content: await openAsBlob(join(this.directory, path)) });
    }
    for (const path of this.leftOver(there)) operations.push({ operation: 'delete', path });
    return operations;
  }

  /**
   * Makes sure that what stands there is what was evaluated, byte for byte.
   *
   * @throws Failure PUBLISH_CONFLICT
   */
  async confirm(there: ReadonlyMap<string, HubFile>, where: string): Promise<void> {
    for (const { path, size, sha256 } of this.files) {
      const found = there.get(path);
      if (found?.size !== size) throw differs(path, where);
      const same =
        found.sha256 === undefined ? found.gitOid === (await this.gitOid(path, size)) : found.sha256 === sha256;
      if (!same) throw differs(path, where);
    }
    const [extra] = this.leftOver(there);
    if (extra !== undefined) throw differs(extra, where);
  }

  private leftOver(there: ReadonlyMap<string, HubFile>): string[] {
    const own = new Set(this.files.map(({ path }) => path));
    return [...there.keys()].filter((path) => loadable.test(path) && !own.has(path));
  }

  /** How git names these bytes; the Hub tells no other digest of small files. */
  private async gitOid(path: string, size: number): Promise<string> {
    const hash = createHash('sha1').update(`blob ${size}\0`);
    await pipeline(createReadStream(join(this.directory, path)), hash);
    return hash.digest('hex');
  }
}

function differs(path: string, where: string): Failure {
  return new Failure('PUBLISH_CONFLICT', `${path} in ${where} is not what was evaluated.`, {
    // A commit never changes: looking at it again shows the same.
    retryable: false,
    remedy: 'Look at that commit, then request the run again.',
  });
}
