import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installDemoModel } from '@anneal/engine/install-demo-model';
import { installEngine } from '@anneal/engine/install';
import { type RunView } from '@anneal/contracts';
import { z } from 'zod';
import { say, waitFor } from './directed.js';
import { World } from './world.js';

const steps = 5;
const checkpointEvery = 2;
const line = z.looseObject({ event: z.string(), step: z.number().optional(), loss: z.number().optional() });

/** Real Axolotl: trainer and training killed in the middle of an epoch, the training resumed, its loss one curve. */
export async function realTraining(): Promise<{ world: World; detail: string }> {
  const engine = await installEngine();
  const { dir: model } = await installDemoModel({ engine });
  const world = await World.open({ replicas: 1, engine: { python: engine.python, model } });
  const id = await world.request({ steps, checkpointEvery });
  const events = join(world.folder, 'work', 'trainer', id, 'events.jsonl');
  await waitFor(
    'some steps of real training',
    async () => stepsOf(events).some(({ step }) => step >= checkpointEvery + 1),
    240_000,
  );
  const [trainer] = world.of('trainer');
  trainer?.signal('SIGKILL');
  for (const { pid } of world.trainings.living()) process.kill(pid, 'SIGKILL');
  // The folder goes when the run is over, so the events are read as long as it trains.
  let last = stepsOf(events);
  await waitFor(
    'the last step',
    async () => {
      last = stepsOf(events);
      return last.some(({ step }) => step === steps);
    },
    240_000,
  );
  await world.until(id, trained, 240_000);
  // What follows is the same whoever trained, and is checked with real models elsewhere.
  await say(world, id, 'cancel');
  return { world, detail: describe(last) };
}

function trained({ stages }: RunView): boolean {
  return stages.some(({ stage, state }) => stage === 'trainer' && state === 'succeeded');
}

function describe(log: { step: number; loss: number }[]): string {
  const first = new Map<number, number>();
  const again: string[] = [];
  for (const { step, loss } of log) {
    const before = first.get(step);
    if (before === undefined) first.set(step, loss);
    // A step that was made twice, after the last checkpoint before the kill, has to have the loss it had before.
    else if (Math.abs(before - loss) > 0.02 * before) again.push(`step ${step}: ${before} then ${loss}`);
  }
  const missing = Array.from({ length: steps }, (_, n) => n + 1).filter((step) => !first.has(step));
  if (missing.length > 0 || again.length > 0) {
    throw new Error(
      `missing steps ${missing.join(', ') || 'none'}; other losses after the resume: ${again.join('; ') || 'none'}`,
    );
  }
  const losses = [...first.values()];
  return `${log.length} steps made for ${steps}, loss ${losses[0]?.toFixed(3)} to ${losses.at(-1)?.toFixed(3)} in one curve`;
}

function stepsOf(file: string): { step: number; loss: number }[] {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text.split('\n').flatMap((row) => {
    try {
      const { event, step, loss } = line.parse(JSON.parse(row));
      return event === 'log' && step !== undefined && loss !== undefined ? [{ step, loss }] : [];
    } catch {
      return [];
    }
  });
}
