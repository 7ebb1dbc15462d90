import type { Readable } from 'node:stream';
import { ArtifactStore } from '@anneal/artifacts';
import { Failure, type FilePurpose } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import type { Caller } from '../../keys/caller.js';
import { newOpenaiId } from '../openai-id.js';
import { RequestMemory, stillThere, type Repetition } from '../request.memory.js';
import { FileChecks } from './file.checks.js';
import { storedName, type FileRow } from './file.row.js';
import { FileTable, type NewFile } from './file.table.js';
import { OpenDownloads } from './open.downloads.js';
import type { ReceivedFile } from './received.file.js';

export interface FileWish {
  readonly filename: string;
  readonly purpose: FilePurpose;
  readonly expiresAfterSeconds?: number | undefined;
}

/** Files of a project: their bytes are artifacts of the store, their rows name them. */
@Injectable()
export class Files {
  private readonly downloads = new OpenDownloads();

  constructor(
    private readonly table: FileTable,
    private readonly store: ArtifactStore,
    private readonly memory: RequestMemory,
    private readonly checks: FileChecks,
  ) {}

  /** Stores what was received, and has its rows checked. */
  async create(caller: Caller, wish: FileWish, received: ReceivedFile, repetition: Repetition): Promise<FileRow> {
    if (received.bytes === 0) throw emptyFile();
    const artifact = await this.store.putFiles('file', [{ path: storedName, source: received.path }]);
    const { filename, purpose, expiresAfterSeconds } = wish;
    const content = JSON.stringify([received.sha256, wish]);
    const expiresAt =
      expiresAfterSeconds === undefined ? undefined : new Date(Date.now() + expiresAfterSeconds * 1000).toISOString();
    const id = await this.memory.once({ caller, call: 'files', content, repetition }, async (tx) => {
      const file = { id: newOpenaiId('file-'), project: caller.project, purpose, filename, artifact, expiresAt };
      await this.table.insert(tx, { ...file, bytes: received.bytes, status: 'uploaded' });
      return file.id;
    });
    this.checks.wake();
    return stillThere(this.table.find(caller.project, id));
  }

  /** Forgets a file. Its bytes stay as long as a run or another file needs them. */
  async delete(caller: Caller, id: string): Promise<void> {
    const { id: found } = await this.table.find(caller.project, id);
    await this.table.delete(found);
  }

  /** @throws Failure RATE_LIMITED when too many are open */
  async open(caller: Caller, id: string): Promise<{ file: FileRow; content: Readable }> {
    const file = await this.table.find(caller.project, id);
    const { files } = await this.store.readManifest(file.artifact);
    const path = files[0]?.path ?? storedName;
    return { file, content: await this.downloads.begin(() => this.store.openFile(file.artifact, path)) };
  }

  /** Stores bytes that the gateway itself made, such as the metrics of a job. @returns the file, without a row yet */
  async makeResult(project: string, filename: string, bytes: Buffer): Promise<NewFile> {
    const artifact = await this.store.putFiles('file', [{ path: 'result.csv', source: bytes }]);
    const file = { id: newOpenaiId('file-'), project, filename, bytes: bytes.length, artifact };
    return { ...file, purpose: 'fine-tune-results', status: 'processed' };
  }
}

function emptyFile(): Failure {
  return new Failure('REQUEST_INVALID', 'The file is empty.', { remedy: 'Send a file with rows.', field: 'file' });
}
