import { RunCancelled, RunFailed, RunSucceeded } from '@anneal/contracts';
import type { Outbox } from '@anneal/jobs';
import type { EntityManager } from 'typeorm';
import type { RunRecord } from './run.record.js';
import type { ClosingWord } from './run-state.js';

/** Writes the closing word of a run to the outbox, in the transaction that ends the run. */
export async function sayClosing(
  { outbox, tx, causationId }: { outbox: Outbox; tx: EntityManager; causationId: string },
  run: RunRecord,
  closing: ClosingWord,
): Promise<void> {
  const common = { runId: run.id, name: run.name, seconds: secondsOf(run) };
  const context = { runId: run.id, project: run.project, causationId };
  switch (closing.word) {
    case 'succeeded': {
      const { verdict, publishedTo } = closing;
      await outbox.add(
        tx,
        RunSucceeded,
        { ...common, verdict, ...(publishedTo === undefined ? {} : { publishedTo }) },
        context,
      );
      return;
    }
    case 'failed':
      await outbox.add(
        tx,
        RunFailed,
        { ...common, stage: closing.stage, failure: closing.failure, turn: run.turn },
        context,
      );
      return;
    case 'cancelled':
      await outbox.add(tx, RunCancelled, { ...common, by: closing.by, turn: run.turn }, context);
      return;
  }
}

function secondsOf({ createdAt, finishedAt }: RunRecord): number {
  // The clocks of two services may differ by more than a short run takes.
  return Math.max(0, (Date.parse(finishedAt ?? createdAt) - Date.parse(createdAt)) / 1000);
}
