import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { sha256 } from '@anneal/contracts';
import { z } from 'zod';

const markerName = 'anneal_complete.json';
const marker = z.object({ step: z.int(), files: z.record(z.string(), z.object({ size: z.int(), sha256 })) });

export interface Checkpoint {
  /** Its folder below the output directory. */
  readonly name: string;
  readonly step: number;
}

export interface CheckpointSearch {
  readonly checkpoint: Checkpoint | undefined;
  /** Newer ones that are not what their marker says, and why. */
  readonly rejected: readonly { name: string; reason: string }[];
}

/**
 * Finds the newest complete checkpoint of a training. The reporting plugin writes a marker with size and digest of every
 * file last; Axolotl itself would take any folder with the highest number, a torn one too.
 */
export async function findCompleteCheckpoint(outputDir: string): Promise<CheckpointSearch> {
  const rejected: { name: string; reason: string }[] = [];
  for (const checkpoint of await checkpointsIn(outputDir)) {
    const reason = await problemWith(join(outputDir, checkpoint.name), checkpoint.step);
    if (reason === undefined) return { checkpoint, rejected };
    rejected.push({ name: checkpoint.name, reason });
  }
  return { checkpoint: undefined, rejected };
}

/** The newest checkpoint that has its marker, which is written last. Its files are not read. */
export async function findNewestCheckpoint(outputDir: string): Promise<Checkpoint | undefined> {
  for (const checkpoint of await checkpointsIn(outputDir)) {
    const marked = await stat(join(outputDir, checkpoint.name, markerName)).catch(() => undefined);
    if (marked) return checkpoint;
  }
  return undefined;
}

async function checkpointsIn(outputDir: string): Promise<Checkpoint[]> {
  const names = await readdir(outputDir).catch(() => []);
  const found = names.flatMap((name) => {
    const step = /^checkpoint-(\d+)$/.exec(name)?.[1];
    return step === undefined ? [] : [{ name, step: Number(step) }];
  });
  return found.toSorted((a, b) => b.step - a.step);
}

async function problemWith(folder: string, step: number): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(join(folder, markerName), 'utf8');
  } catch {
    return 'it has no marker';
  }
  let listed: z.infer<typeof marker>;
  try {
    listed = marker.parse(JSON.parse(text));
  } catch {
    return 'its marker cannot be read';
  }
  if (listed.step !== step) return `its marker is of step ${listed.step}`;
  for (const [name, { size, sha256: digest }] of Object.entries(listed.files)) {
    const path = join(folder, name);
    const there = await stat(path).catch(() => undefined);
    if (!there) return `${name} is missing`;
    if (there.size !== size) return `${name} has ${there.size} bytes, not ${size}`;
    if ((await digestOf(path)) !== digest) return `${name} has other contents`;
  }
  return undefined;
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
