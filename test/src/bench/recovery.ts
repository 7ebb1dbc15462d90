import { setTimeout as pause } from 'node:timers/promises';
import { ChainOfProcesses } from './chain-of-processes.js';
import type { Bench } from './result.js';
import { Samples } from './samples.js';

/** Well below what two cores can do, so that the stage is waited for and not the machine. */
const runEveryMs = 200;

/** From kill -9 of a stage to its next completed job, while runs keep coming; it is started again after 0.1 s. */
export const recovery: Bench = async ({ quick }) => {
  const processes = await ChainOfProcesses.open();
  const supply = setInterval(() => processes.request(), runEveryMs);
  try {
    const samples = new Samples();
    for (let kills = 0; kills < (quick ? 2 : 12); kills += 1) {
      await nextMerge(processes);
      await pause(1_000);
      const merger = processes.of('merger');
      const { pid } = merger;
      merger.signal('SIGKILL');
      const killedAt = performance.now();
      // What it had published in its last instant may still be on its way.
      for (const end = killedAt + 10_000; performance.now() < end && merger.pid === pid;) await pause(2);
      await pause(20);
      samples.add((await nextMerge(processes)) - killedAt);
    }
    const goal = { what: 'median < 3 s', met: ({ median }: Samples) => median < 3000 };
    return [{ name: 'kill -9 of a stage to its next job', unit: 'ms', samples, goal }];
  } finally {
    clearInterval(supply);
    await processes.close();
  }
};

function nextMerge(processes: ChainOfProcesses): Promise<number> {
  return processes.untilEvent('a merge', ({ definition }) => definition.name === 'ModelMerged');
}
