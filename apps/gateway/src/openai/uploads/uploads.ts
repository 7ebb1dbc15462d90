import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isDeepStrictEqual } from 'node:util';
import { ArtifactStore } from '@anneal/artifacts';
import { Failure, type OpenaiPart, type OpenaiUpload } from '@anneal/contracts';
import { CONFIG } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { GatewayConfig } from '../../gateway.config.js';
import type { Caller } from '../../keys/caller.js';
import { FileChecks } from '../files/file.checks.js';
import { storedName, toOpenaiFile } from '../files/file.row.js';
import { FileTable } from '../files/file.table.js';
import { receive, type ReceivedFile } from '../files/received.file.js';
import { newOpenaiId } from '../openai-id.js';
import { RequestMemory, type Repetition } from '../request.memory.js';
import { isExpired, partName, toOpenaiPart, toOpenaiUpload, type PartRow, type UploadRow } from './upload.row.js';
import { UploadTable, type NewUpload } from './upload.table.js';

/** Large files in parts: each is stored as it comes, and completing makes one file of those that are named. */
@Injectable()
export class Uploads {
  constructor(
    private readonly dataSource: DataSource,
    private readonly table: UploadTable,
    private readonly files: FileTable,
    private readonly store: ArtifactStore,
    private readonly memory: RequestMemory,
    private readonly checks: FileChecks,
    @Inject(CONFIG) private readonly config: GatewayConfig,
  ) {}

  async create(caller: Caller, wish: Omit<NewUpload, 'id' | 'project'>, repetition: Repetition): Promise<OpenaiUpload> {
    const content = JSON.stringify(wish);
    const id = await this.memory.once({ caller, call: 'uploads', content, repetition }, async (tx) => {
      const upload = { id: newOpenaiId('upload_'), project: caller.project, ...wish };
      await this.table.insert(tx, upload);
      return upload.id;
    });
    return this.view(caller, id);
  }

  async addPart(caller: Caller, id: string, received: ReceivedFile, repetition: Repetition): Promise<OpenaiPart> {
    requireOpen(await this.table.find(caller.project, id));
    const artifact = await this.store.putFiles('file', [{ path: partName, source: received.path }]);
    const request = { caller, call: `uploads/${id}/parts`, content: received.sha256, repetition };
    const made = await this.memory.once(request, async (tx) => {
      requireOpen(await this.table.lock(tx, caller.project, id));
      const part = { id: newOpenaiId('part_'), uploadId: id, bytes: received.bytes, artifact };
      await this.table.addPart(tx, part);
      return part.id;
    });
    const part = (await this.table.parts(id)).find((row) => row.id === made);
    if (!part) throw new Error(`the part ${made} is gone`);
    return toOpenaiPart(part);
  }

  /** Makes the file. Of two calls at once one makes it, and the other finds it made. */
  async complete(
    caller: Caller,
    id: string,
    { partIds, md5 }: { partIds: readonly string[]; md5: string | undefined },
  ): Promise<OpenaiUpload> {
    const upload = await this.table.find(caller.project, id);
    if (isSameCompletion(upload, partIds)) return this.view(caller, id);
    requireOpen(upload);
    const parts = await this.partsOf(id, partIds);
    requireSize(parts, upload);
    const whole = await receive(Readable.from(this.bytesOf(parts)), this.config.WORK_DIR, upload.bytes);
    try {
      if (md5 !== undefined) await requireDigest(whole, md5);
      const artifact = await this.store.putFiles('file', [{ path: storedName, source: whole.path }]);
      await this.dataSource.transaction(async (tx) => {
        const now = await this.table.lock(tx, caller.project, id);
        if (isSameCompletion(now, partIds)) return;
        requireOpen(now);
        const { filename, bytes, file_seconds: seconds } = now;
        const file = { id: newOpenaiId('file-'), project: caller.project, filename, bytes, artifact };
        const expiresAt = seconds === undefined ? undefined : new Date(Date.now() + seconds * 1000).toISOString();
        await this.files.insert(tx, { ...file, purpose: 'fine-tune', status: 'uploaded', expiresAt });
        await this.table.completed(tx, id, partIds, file.id);
      });
    } finally {
      await whole.remove();
    }
    this.checks.wake();
    return this.view(caller, id);
  }

  async cancel(caller: Caller, id: string): Promise<OpenaiUpload> {
    await this.dataSource.transaction(async (tx) => {
      const upload = await this.table.lock(tx, caller.project, id);
      if (upload.status === 'cancelled') return;
      requireOpen(upload);
      await this.table.cancelled(tx, id);
    });
    return this.view(caller, id);
  }

  /** The file may have been deleted since: the upload is completed all the same. */
  private async view(caller: Caller, id: string): Promise<OpenaiUpload> {
    const upload = await this.table.find(caller.project, id);
    const file = upload.file_id === null ? undefined : await this.files.look(caller.project, upload.file_id);
    return toOpenaiUpload(upload, file ? toOpenaiFile(file) : null);
  }

  private async partsOf(id: string, partIds: readonly string[]): Promise<PartRow[]> {
    const there = new Map((await this.table.parts(id)).map((part) => [part.id, part]));
    return partIds.map((partId) => {
      const part = there.get(partId);
      if (part) return part;
      throw new Failure('REQUEST_INVALID', `The upload has no part ${partId}.`, {
        remedy: 'Name the parts of this upload in their order.',
        field: 'part_ids',
      });
    });
  }

  private async *bytesOf(parts: readonly PartRow[]): AsyncIterable<Buffer> {
    for (const { artifact } of parts) {
      for await (const chunk of await this.store.openFile(artifact, partName)) yield chunk as Buffer;
    }
  }
}

function isSameCompletion({ status, part_ids: present }: UploadRow, partIds: readonly string[]): boolean {
  return status === 'completed' && isDeepStrictEqual(present, partIds);
}

function requireOpen(upload: UploadRow): void {
  if (upload.status === 'pending' && !isExpired(upload)) return;
  const state = isExpired(upload) ? 'expired' : upload.status;
  throw new Failure('STATE_CONFLICT', `The upload ${upload.id} is ${state}.`, {
    remedy: 'Begin a new one with POST /v1/uploads.',
  });
}

/** Known before a byte is fetched. */
function requireSize(parts: readonly PartRow[], { bytes }: UploadRow): void {
  const together = parts.reduce((sum, part) => sum + part.bytes, 0);
  if (together === bytes) return;
  throw new Failure('REQUEST_INVALID', `The parts have ${together} bytes together, and ${bytes} were announced.`, {
    remedy: 'Name all parts, in their order, or begin a new upload with the right size.',
    field: 'part_ids',
  });
}

async function requireDigest(whole: ReceivedFile, md5: string): Promise<void> {
  const hash = createHash('md5');
  await pipeline(createReadStream(whole.path), hash);
  if (hash.digest('hex') === md5.toLowerCase()) return;
  throw new Failure('REQUEST_INVALID', 'The MD5 digest of the parts is another one.', {
    remedy: 'Check the order of the parts, or send them again in a new upload.',
    field: 'md5',
  });
}
