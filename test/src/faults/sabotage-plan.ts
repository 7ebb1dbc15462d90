import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Edges of the mechanisms, on either side of what must not be torn apart. */
export const crashPoints = [
  'taken, not committed',
  'taken, not acknowledged',
  'claimed',
  'done, not committed',
  'done, not published',
  'published, not marked',
] as const;
export type CrashPoint = (typeof crashPoints)[number];

export interface Sabotage {
  readonly crash?: CrashPoint;
  /** A new round lets every service crash once more. */
  readonly round?: number;
  /** A mechanism that is switched off. */
  readonly control?: 'no inbox' | 'no outbox' | 'no token';
  /** Workers that start now never look at their lease. */
  readonly blind?: boolean;
}

/** Tells the services that were loaded with the sabotage what to do from now on. */
export function setSabotage(folder: string, sabotage: Sabotage): void {
  writeFileSync(join(folder, 'sabotage.json'), JSON.stringify(sabotage));
}
