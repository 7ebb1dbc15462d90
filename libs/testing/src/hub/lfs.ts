import { createHash } from 'node:crypto';
import { json, refusal, type Reply } from './reply.js';

const partBytes = 5 * 1024 * 1024;

interface BatchRequest {
  operation: string;
  transfers: string[];
  objects: { oid: string; size: number }[];
}

interface CompletionRequest {
  oid: string;
  parts: { partNumber: number; etag: string }[];
}

/** The store beside git: objects under their SHA-256, taken in one piece or, when they are large, in parts. */
export class LfsStore {
  private readonly objects = new Map<string, Buffer>();
  private readonly parts = new Map<string, Map<number, Buffer>>();

  constructor(
    private readonly url: () => string,
    private readonly multipartAbove: number,
  ) {}

  get(oid: string): Buffer | undefined {
    return this.objects.get(oid);
  }

  /** Says for each object how it is uploaded; one that is here already needs nothing. */
  batch(body: Buffer): Reply {
    const request = JSON.parse(body.toString()) as BatchRequest;
    const objects = request.objects.map(({ oid, size }) => {
      if (this.objects.has(oid)) return { oid, size };
      const multipart = size > this.multipartAbove && request.transfers.includes('multipart');
      const upload = multipart ? this.inParts(oid, size) : { href: `${this.url()}/lfs/${oid}` };
      return { oid, size, authenticated: true, actions: { upload } };
    });
    const transfer = objects.some(({ actions }) => actions && 'header' in actions.upload) ? 'multipart' : 'basic';
    return json({ transfer, objects }, { 'content-type': 'application/vnd.git-lfs+json' });
  }

  put(oid: string, bytes: Buffer): Reply {
    if (digestOf(bytes) !== oid) return refusal(400, 'The object is not what its oid says');
    this.objects.set(oid, bytes);
    return { status: 200, headers: { ETag: `"${oid}"` } };
  }

  putPart(oid: string, number: number, bytes: Buffer): Reply {
    const parts = this.parts.get(oid) ?? new Map<number, Buffer>();
    this.parts.set(oid, parts.set(number, bytes));
    return { status: 200, headers: { ETag: etagOf(bytes) } };
  }

  complete(body: Buffer): Reply {
    const { oid, parts } = JSON.parse(body.toString()) as CompletionRequest;
    const there = this.parts.get(oid);
    const chunks = parts.map(({ partNumber, etag }) => {
      const bytes = there?.get(partNumber);
      return bytes && etagOf(bytes) === etag ? bytes : undefined;
    });
    if (chunks.includes(undefined)) return refusal(400, 'A part is missing');
    this.parts.delete(oid);
    return this.put(oid, Buffer.concat(chunks.filter((chunk) => chunk !== undefined)));
  }

  private inParts(oid: string, size: number): { href: string; header: Record<string, string> } {
    const header: Record<string, string> = { chunk_size: String(partBytes) };
    for (let number = 1; (number - 1) * partBytes < size; number += 1) {
      header[String(number).padStart(5, '0')] = `${this.url()}/lfs/${oid}/${number}`;
    }
    return { href: `${this.url()}/lfs/${oid}/complete`, header };
  }
}

export function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function etagOf(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}
