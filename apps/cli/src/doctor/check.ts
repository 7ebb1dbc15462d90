import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '@anneal/contracts';

/** What a check found: one sentence, and what to do about it unless all is well. */
export type Finding =
  | { readonly state: 'ok' | 'skipped'; readonly message: string }
  | { readonly state: 'warning' | 'broken'; readonly message: string; readonly remedy: string };

/** One thing that has to be right. What it throws is a finding, too: broken. */
export interface Check {
  readonly name: string;
  readonly run: () => Promise<Finding>;
}

export type Examined = Finding & { readonly name: string };

/** Whatever is asked answers within this time, or something is wrong with it. */
const limitMs = 90_000;

/** Runs all checks side by side; the findings come in the order of the checks. */
export function examine(checks: readonly Check[], timeLimitMs = limitMs): Promise<Examined[]> {
  return Promise.all(checks.map(async ({ name, run }) => ({ name, ...(await within(timeLimitMs, run)) })));
}

async function within(ms: number, run: Check['run']): Promise<Finding> {
  const over = new AbortController();
  const late = sleep(ms, undefined, { signal: over.signal }).then((): Finding => ({
    state: 'broken',
    message: `There was no answer within ${ms / 1000} s.`,
    remedy: 'Look whether the machine or what was asked is overloaded, and run the command again.',
  }));
  late.catch(() => undefined);
  try {
    return await Promise.race([run(), late]);
  } catch (error) {
    return asFinding(error);
  } finally {
    over.abort();
  }
}

function asFinding(error: unknown): Finding {
  if (error instanceof Failure) return { state: 'broken', message: error.message, remedy: error.remedy };
  const message = error instanceof Error ? error.message : String(error);
  return { state: 'broken', message: `The check itself broke: ${message}.`, remedy: 'Please report it.' };
}
