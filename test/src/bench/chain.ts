import { ChainOfProcesses } from './chain-of-processes.js';
import type { Bench } from './result.js';
import { Samples } from './samples.js';

const atOnce = 50;

/** From TrainRequested to RunSucceeded through six services without work, one run at a time and many at once. */
export const chain: Bench = async ({ quick }) => {
  const processes = await ChainOfProcesses.open();
  try {
    await processes.runAll(5);
    const single = new Samples();
    for (let index = 0; index < (quick ? 10 : 100); index += 1) {
      for (const took of await processes.runAll(1)) single.add(took);
    }
    const rates = new Samples();
    for (let round = 0; round < (quick ? 2 : 12); round += 1) {
      const took = await processes.runAll(atOnce);
      rates.add((atOnce * 1000) / Math.max(...took));
    }
    return [
      {
        name: 'chain of six, one at a time',
        unit: 'ms',
        samples: single,
        goal: { what: 'median < 80 ms', met: ({ median }) => median < 80 },
      },
      {
        name: `chains per second, ${atOnce} at once`,
        unit: '1/s',
        samples: rates,
        goal: { what: 'median >= 50/s', met: ({ median }) => median >= 50 },
      },
    ];
  } finally {
    await processes.close();
  }
};
