import { createHash } from 'node:crypto';
import { Failure, type FailureCode } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import type { Caller } from '../keys/caller.js';

/** How long a request that comes again is taken for the same one; the clients give up sooner. */
export const windowMinutes = 60;

const gone = new Set<FailureCode>(['FILE_NOT_FOUND', 'WEBHOOK_NOT_FOUND']);
const subjects = z.array(z.object({ subject: z.string() }));

/** What tells whether a POST is one that was made before. */
export interface Repetition {
  /** `Idempotency-Key`, if the caller sent one. */
  readonly key: string | undefined;
  /** The official clients send no such key, but say when they send a request again. */
  readonly isRetry: boolean;
}

export function repetitionOf(headers: Readonly<Record<string, string | string[] | undefined>>): Repetition {
  const key = headers['idempotency-key'];
  const retries = Number(headers['x-stainless-retry-count'] ?? 0);
  return { key: typeof key === 'string' && key !== '' ? key.slice(0, 255) : undefined, isRetry: retries >= 1 };
}

/**
 * What a request made, now or before.
 *
 * @throws Failure STATE_CONFLICT when it was made before and is gone by now: once is once
 */
export async function stillThere<Made>(made: Promise<Made>): Promise<Made> {
  return made.catch((error: unknown) => {
    if (!(error instanceof Failure) || !gone.has(error.code)) throw error;
    throw new Failure('STATE_CONFLICT', 'What this request made is not there any more.', {
      remedy: 'Send it with another Idempotency-Key to have it made anew.',
      cause: error,
    });
  });
}

/** Remembers what a POST made, so that the same one, sent again because its answer was lost, makes nothing more. */
@Injectable()
export class RequestMemory {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Does what a request asks for, once. The fingerprint is remembered for every request, since only the second one says
   * that it is a retry.
   *
   * @param call names the route
   * @param content what was sent: two requests with other contents are never the same
   * @param make makes the thing in the transaction and returns its id
   * @returns the id of what was made now or before
   */
  async once(
    { caller, call, content, repetition }: { caller: Caller; call: string; content: string; repetition: Repetition },
    make: (tx: EntityManager) => Promise<string>,
  ): Promise<string> {
    const { key, isRetry } = repetition;
    const fingerprint = createHash('sha256')
      .update(JSON.stringify([caller.keyId, key ?? '', content]))
      .digest('hex');
    const place = [caller.project, call, fingerprint];
    return this.dataSource.transaction(async (tx) => {
      // One after the other: a retry may arrive while its first try is still at work.
      await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [place.join('/')]);
      if (key !== undefined || isRetry) {
        const found: unknown = await tx.query(
          `SELECT subject FROM request_memory WHERE project = $1 AND call = $2 AND fingerprint = $3
             AND at > now() - make_interval(mins => ${windowMinutes})`,
          place,
        );
        const [present] = subjects.parse(found);
        if (present) return present.subject;
      }
      const subject = await make(tx);
      await tx.query(
        `INSERT INTO request_memory (project, call, fingerprint, subject) VALUES ($1, $2, $3, $4)
         ON CONFLICT (project, call, fingerprint) DO UPDATE SET subject = EXCLUDED.subject, at = now()`,
        [...place, subject],
      );
      return subject;
    });
  }
}
