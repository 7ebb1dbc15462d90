import type { Writable } from 'node:stream';
import { isFinal } from '@anneal/contracts';
import type { RunRecord } from '../runs/run.record.js';
import { toRunView } from '../runs/run.view.js';
import { frameOf, tell, type Telling } from './tell.js';

/** Tells of one run: `run` with the whole view first and after each change, until its final state is told. */
export async function tellRun(
  client: Writable,
  { read, ...telling }: Omit<Telling, 'news'> & { readonly read: () => Promise<RunRecord> },
): Promise<void> {
  let told = 0;
  await tell(client, {
    ...telling,
    news: async () => {
      const run = await read();
      if (run.version <= told) return { frames: [], done: false };
      told = run.version;
      return { frames: [frameOf('run', toRunView(run), run.version)], done: isFinal(run.state) };
    },
  });
}
