import { randomBytes } from 'node:crypto';

/** What ids begin with, as callers of OpenAI know them. */
export type IdPrefix = 'file-' | 'ftjob-' | 'ftevent-' | 'upload_' | 'part_' | 'whe_' | 'evt_';

/** @returns a new id: the prefix and 96 random bits in small letters and digits, as a run's id may have */
export function newOpenaiId(prefix: IdPrefix): string {
  return `${prefix}${randomBytes(12).toString('hex')}`;
}

/** Times of OpenAI's API: whole seconds since 1970. */
export function toSeconds(instant: string): number {
  return Math.floor(Date.parse(instant) / 1000);
}
