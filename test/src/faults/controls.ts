import { setTimeout as pause } from 'node:timers/promises';
import { checkInvariants, type Finding } from './invariants.js';
import { waitFor } from './directed.js';
import { setSabotage, type Sabotage } from './sabotage-plan.js';
import { readStream } from './stream.js';
import type { World } from './world.js';

export type Control = NonNullable<Sabotage['control']>;
export const controls: readonly Control[] = ['no inbox', 'no outbox', 'no token'];

/**
 * Switches one mechanism off and does what it is there for. The suite has to see the damage: a check that stays green
 * here proves nothing elsewhere.
 */
export async function control(world: World, which: Control, off: boolean): Promise<Finding[]> {
  const provoke = { 'no inbox': deliverTwice, 'no outbox': killAfterCommit, 'no token': wakeZombie }[which];
  const { succeed, ended } = await provoke(world, off ? { control: which } : {});
  const findings = await checkInvariants(world, { succeed }, { ended });
  setSabotage(world.folder, {});
  return findings;
}

interface Provoked {
  readonly succeed: string[];
  readonly ended: boolean;
}

/** Job rows of old runs may be cleaned away; the inbox is what then stands between a copy of an event and a second effect. */
async function deliverTwice(world: World, sabotage: Sabotage): Promise<Provoked> {
  setSabotage(world.folder, sabotage);
  const id = await world.request();
  await world.until(id, ({ state }) => state === 'succeeded');
  const mine = (await readStream(world.nats)).filter(({ run }) => run === id);
  await world.query(`DELETE FROM dataset.job WHERE run_id = $1`, [id]);
  const requested = mine.find(({ subject }) => subject === 'anneal.train.requested');
  if (!requested) throw new Error('there is no request');
  await world.publish(requested.subject, requested.text, {
    ...requested.headers,
    'ce-id': requested.id,
    'Nats-Msg-Id': `copy-of-${id}`,
  });
  await pause(3_000);
  return { succeed: [id], ended: true };
}

/** Without an outbox what is said after the commit dies with the process. */
async function killAfterCommit(world: World, sabotage: Sabotage): Promise<Provoked> {
  setSabotage(world.folder, { ...sabotage, crash: ['done, not published'], round: sabotage.control ? 101 : 100 });
  const id = await world.request();
  const ended = await world
    .until(id, ({ state }) => state === 'succeeded', 20_000)
    .then(
      () => true,
      () => false,
    );
  return { succeed: [id], ended };
}

/** Without a token a worker that slept through its lease writes its result beside that of its successor. */
async function wakeZombie(world: World, sabotage: Sabotage): Promise<Provoked> {
  setSabotage(world.folder, { ...sabotage, blind: true });
  const id = await world.request({ steps: 60 });
  let owner = '';
  await waitFor(
    'a training',
    async () => {
      const [row] = await world.query<{ lease_owner: string | null }>(
        `SELECT lease_owner FROM trainer.job WHERE run_id = $1`,
        [id],
      );
      owner = row?.lease_owner ?? '';
      return owner !== '';
    },
    30_000,
  );
  await pause(500);
  const pid = Number(owner.split(':')[1]);
  process.kill(pid, 'SIGSTOP');
  await world.until(id, ({ state }) => state === 'succeeded', 60_000);
  process.kill(pid, 'SIGCONT');
  if (!sabotage.control) await pause(3_000);
  // It may find its training gone, and then has to train once more before it writes.
  else await waitFor('a second result', () => trainedTwice(world, id), 30_000).catch(() => undefined);
  return { succeed: [id], ended: true };
}

async function trainedTwice(world: World, id: string): Promise<boolean> {
  const said = await readStream(world.nats);
  return said.filter(({ run, subject }) => run === id && subject === 'anneal.training.completed').length > 1;
}
