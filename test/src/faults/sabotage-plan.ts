import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serviceNames, stageNames, type ServiceName } from '@anneal/contracts';

/** Edges of the mechanisms, on either side of what must not be torn apart, and the services that pass them. */
const edges = {
  'taken, not committed': serviceNames,
  'taken, not acknowledged': serviceNames,
  claimed: stageNames,
  'done, not committed': stageNames,
  'done, not published': stageNames,
  'published, not marked': serviceNames,
  // What the outside sees: neither side of it may be lost or done again.
  'artifact sent, not sealed': stageNames,
  'artifact sealed': stageNames,
  'process not started': ['trainer', 'merger', 'evaluator'],
  'process started, not recorded': ['trainer', 'merger', 'evaluator'],
  'tag not set': ['publisher'],
  'tag set': ['publisher'],
  'commit not sent to the Hub': ['publisher'],
  'committed at the Hub': ['publisher'],
} as const satisfies Record<string, readonly ServiceName[]>;
/** In a cluster a training is made in three steps. */
const clusterEdges = {
  'Job not made': ['trainer'],
  'Job made': ['trainer'],
  'configuration of the Job made': ['trainer'],
  'link of the Job made': ['trainer'],
} as const satisfies Record<string, readonly ServiceName[]>;
export type CrashPoint = keyof typeof edges | keyof typeof clusterEdges;
export const crashPoints = Object.keys(edges) as CrashPoint[];
export const clusterCrashPoints = Object.keys(clusterEdges) as CrashPoint[];

/** Every crash that can happen at these edges: each service at each of its own. */
export function crashesAt(points: readonly CrashPoint[]): string[] {
  const passedBy = { ...edges, ...clusterEdges };
  return points.flatMap((point) => passedBy[point].map((service) => crashName(service, point)));
}

export interface Sabotage {
  readonly crash?: readonly CrashPoint[];
  /** A new round lets every service crash once more at each edge. */
  readonly round?: number;
  /** A mechanism that is switched off. */
  readonly control?: 'no inbox' | 'no outbox' | 'no token';
  /** Workers that start now never look at their lease. */
  readonly blind?: boolean;
}

/** Tells the services that were loaded with the sabotage what to do from now on. */
export function setSabotage(folder: string, sabotage: Sabotage): void {
  writeFileSync(planFile(folder), JSON.stringify(sabotage));
}

export function readSabotage(folder: string): Sabotage {
  return existsSync(planFile(folder)) ? (JSON.parse(readFileSync(planFile(folder), 'utf8')) as Sabotage) : {};
}

/** File that says that a service crashed at an edge in a round. */
export function crashFile(folder: string, round: number, service: string, point: CrashPoint): string {
  return join(folder, `crashed-${round}-${crashName(service, point)}`);
}

/** @returns the crashes of a round, named as in `crashes` */
export function crashesOf(folder: string, round: number): string[] {
  const prefix = `crashed-${round}-`;
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
}

function crashName(service: string, point: CrashPoint): string {
  return `${service} ${point}`;
}

function planFile(folder: string): string {
  return join(folder, 'sabotage.json');
}
