import { get, type Answer, type Targets } from '@anneal/outbound';
import { Failure } from '@anneal/contracts';
import type { OpenedAt } from './download.js';

export interface HttpOptions {
  readonly targets: Targets;
  readonly token?: string | undefined;
  /** Given up when nothing comes for so long. */
  readonly stallMs: number;
}

/** Says what a status that is no success means; a failure that is retryable is tried again. */
export type RefuseStatus = (status: number, headers: Answer['headers']) => Failure;

interface OpenOptions extends HttpOptions {
  /** Names the content that the beginning was of; without a strong one, every try begins anew. */
  readonly etag?: string | undefined;
  /** The address never has another content. */
  readonly immutable?: boolean;
  readonly refuse: RefuseStatus;
}

/** Opens an address in the middle, where its content is known to be the same as that of the beginning. */
export function openHttp(url: string, { etag, immutable, refuse, ...options }: OpenOptions) {
  return async (offset: number, signal: AbortSignal): Promise<OpenedAt> => {
    const range = offset > 0 ? rangeFrom(offset, immutable === true, etag) : undefined;
    let answer = await get(url, { ...options, ...(range ? { headers: range } : {}), signal });
    if (answer.status === 416) {
      answer.body.destroy();
      answer = await get(url, { ...options, signal });
    }
    return openedAt(answer, refuse);
  };
}

/** What an answer brings, and where that begins. */
export function openedAt({ status, headers, body }: Answer, refuse: RefuseStatus): OpenedAt {
  if (status !== 200 && status !== 206) {
    body.destroy();
    throw refuse(status, headers);
  }
  const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity';
  // Those that a file may be compressed with, too, are seen and unpacked when it is read.
  if (!['identity', 'gzip', 'x-gzip', 'zstd', 'bzip2', 'x-bzip2', 'xz'].includes(encoding)) {
    body.destroy();
    throw new Failure(
      'DATASET_UNREADABLE',
      `The server sends the file encoded as ${encoding}, which nobody asked for.`,
      {
        remedy: 'Let the server send the file as it is, or compressed with gzip or zstd.',
      },
    );
  }
  const from = /^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1];
  return { offset: status === 206 ? Number(from ?? 0) : 0, bytes: body };
}

function rangeFrom(offset: number, immutable: boolean, etag: string | undefined): Record<string, string> | undefined {
  const range = `bytes=${offset}-`;
  if (immutable) return { range };
  return etag?.startsWith('"') === true ? { range, 'if-range': etag } : undefined;
}
