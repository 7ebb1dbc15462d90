import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ExitRecord } from './process-types.js';

const processId = z.object({ pid: z.int().min(1), startTime: z.string() });

/** run.json as the supervisor writes it: once before the command starts, once when its pid is known. */
const runRecord = z.object({
  version: z.literal(1),
  identity: z.object({ job: z.string(), attempt: z.int(), token: z.string() }),
  mark: z.string().min(1),
  bootId: z.string(),
  supervisor: processId,
  state: z.enum(['waiting', 'running']),
  pid: z.int().min(1).optional(),
  startTime: z.string().optional(),
  pgid: z.int().min(1).optional(),
  warning: z.string().optional(),
  attendedSeconds: z.number().positive().optional(),
});
export type RunRecord = z.infer<typeof runRecord>;

const exitRecord = z.object({
  code: z.int().nullable(),
  signal: z.string().nullable(),
  endedAt: z.string(),
  lost: z.boolean().optional(),
  unattended: z.boolean().optional(),
});

/** Who runs in this folder, as far as it is written down. */
export function readRun(directory: string): RunRecord | undefined {
  return readRecord(join(directory, 'run.json'), runRecord);
}

/** How the command of this folder ended, once it has. */
export function readExit(directory: string): ExitRecord | undefined {
  return readRecord(join(directory, 'exit.json'), exitRecord);
}

/** Says that somebody attends to the process of this folder, and will again within so many seconds. */
export function writeAttended(directory: string, seconds: number): void {
  try {
    writeFileSync(join(directory, 'attended'), String(seconds));
  } catch {
    // A full disk, or a folder that is being removed: the process goes on for as long as the last word allows.
  }
}

/** Writes down that the command is gone and nobody saw how; the supervisor's own word, if there is one, stays. */
export function writeLost(directory: string): ExitRecord {
  const lost: ExitRecord = { code: null, signal: null, endedAt: new Date().toISOString(), lost: true };
  const temporary = join(directory, `.exit.json.${randomUUID()}`);
  try {
    writeFileSync(temporary, JSON.stringify(lost), { flush: true });
    linkSync(temporary, join(directory, 'exit.json'));
    return lost;
  } catch {
    return readExit(directory) ?? lost;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** The files appear by rename and are always whole; one that cannot be read is not ours. */
function readRecord<Schema extends z.ZodType>(path: string, schema: Schema): z.output<Schema> | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}
