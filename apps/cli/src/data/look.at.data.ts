import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acceptRunSpec, Failure, type AcceptedRunSpec, type DataReport } from '@anneal/contracts';
import { findTokenizer, prepareSet, SourceCache, stageSource, type Reach } from '@anneal/datasets';
import { benchmarkTexts, requireChecked, type InstalledHarness } from '@anneal/evaluation';
import { defaultCache } from '@anneal/setup';
import { findHarness } from '../evaluation/installed.harness.js';
import { isOfflineHere } from './offline.js';
import { requestOf, type DataOptions } from './data.options.js';

const cacheBytes = 20 * 1024 ** 3;

export interface LookedAt {
  readonly report: DataReport;
  /** What was read of a folder, a bucket or a dataset of the Hub; nothing where the source is one file. */
  readonly files: readonly string[];
}

/**
 * The report on the set that a run would train on. The set itself is made in a folder that is removed afterwards.
 *
 * @throws Failure when a run would fail
 */
export async function lookAtData(source: string, options: DataOptions): Promise<LookedAt> {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-data-'));
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(stopped());
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const spec = acceptRunSpec(await requestOf(source, options), 'data');
    const harness = options.benchmarks.some(({ task }) => task) ? findHarness(options.include) : undefined;
    return await prepare(spec, { folder, signal: stop.signal, isBaseGiven: options.base !== undefined, harness });
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    await rm(folder, { recursive: true, force: true });
  }
}

interface Where {
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly isBaseGiven: boolean;
  /** lm-eval, where one of its tasks is looked for and it is installed. */
  readonly harness: InstalledHarness | undefined;
}

async function prepare(spec: AcceptedRunSpec, where: Where): Promise<LookedAt> {
  const { folder, signal, isBaseGiven, harness } = where;
  const { dataset, training, model } = spec;
  const reach = reachOf();
  const progress = progressLine();
  progress.say('fetching');
  const staged = await stageSource(dataset, {
    field: 'dataset.source',
    directory: join(folder, 'source'),
    signal,
    reach,
  });
  const { texts, unchecked } = await benchmarkTexts(spec, {
    ...{ reach, harness, directory: join(folder, 'benchmarks'), signal },
  });
  requireChecked(spec, { unchecked });
  const tokenizer = isBaseGiven ? await findTokenizer(model, reach, signal) : undefined;
  const input = { source: staged, dataset, training, heldOut: 0, tokenizer, benchmarks: texts };
  try {
    const report = await prepareSet(
      { ...input, uncheckedBenchmarks: unchecked },
      { directory: join(folder, 'set'), signal, onRows: (rows) => progress.say(`${rows} rows`) },
    );
    const files = staged.files.map(({ name }) => name).filter((name) => name !== staged.name);
    if (isBaseGiven) return { report, files };
    // Nobody asked for tokens.
    return { report: { ...report, warnings: report.warnings.filter(({ code }) => code !== 'no-tokenizer') }, files };
  } finally {
    progress.clear();
  }
}

/** The user's own machine: every file, the Hub, and public addresses. */
function reachOf(): Reach {
  const { HF_ENDPOINT: endpoint = 'https://huggingface.co', HF_TOKEN: token } = process.env;
  return {
    fileRoots: ['/'],
    hub: { endpoint, token },
    cache: new SourceCache(join(defaultCache(), 'sources'), cacheBytes),
    offline: isOfflineHere(),
  };
}

function stopped(): Failure {
  return new Failure('KILLED', 'The data was not looked at to its end: the command was stopped.', {
    remedy: 'Call it again; what was fetched is kept.',
  });
}

function progressLine(): { say: (text: string) => void; clear: () => void } {
  const { stderr } = process;
  const write = (text: string): void => {
    if (stderr.isTTY) stderr.write(`\r\u001b[K${text}`);
  };
  return { say: (text) => write(`${text} ...`), clear: () => write('') };
}
