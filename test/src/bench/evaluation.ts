import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { carriedRunSpec } from '@anneal/contracts';
import { loadBenchmarks } from '@anneal/evaluation';
import { z } from 'zod';
import { findLmEvalPython, timeLmEval } from './lm-eval.js';
import type { Bench, Result } from './result.js';
import { Samples } from './samples.js';

const program = join(import.meta.dirname, '..', '..', '..', 'apps', 'cli', 'bin', 'anneal.js');
const span = z.object({ served: z.int(), seconds: z.number() });
const published = z.object({ question_id: z.number(), answer: z.string(), model_outputs: z.string() });

/** The 1,351 math questions of MMLU-Pro against a server that answers at once, and scoring alone. */
export const evaluation: Bench = async ({ quick }) => {
  const { MMLU_PRO_DATA: data, LM_EVAL: named } = process.env;
  const lmEval = findLmEvalPython(named);
  if (data === undefined) {
    process.stderr.write('evaluation is left out: set MMLU_PRO_DATA to a folder with hf/data and published.\n');
    return [];
  }
  const folder = mkdtempSync(join(tmpdir(), 'anneal-bench-'));
  const server = spawn(process.execPath, [join(import.meta.dirname, 'stub-completions.main.js')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [port] = (await once(server.stdout, 'data')) as [Buffer];
    const url = `http://127.0.0.1:${port.toString().trim()}`;
    const whole = new Samples();
    const asking = new Samples();
    for (let round = 0; round < (quick ? 1 : 7); round += 1) {
      whole.add(await timeAnneal(`${url}/v1`, join(data, 'hf'), join(folder, `${round}.jsonl`)));
      asking.add(await rate(url));
    }
    const others: Result[] = [];
    const goals = [{ what: '< 2.5 s', met: ({ median }: Samples) => median < 2_500 }];
    if (lmEval === undefined) {
      process.stderr.write(
        'lm-eval is not measured beside it: run "node libs/engine/install-lm-eval.mjs", or set LM_EVAL.\n',
      );
    } else {
      const theirs = new Samples();
      const theirAsking = new Samples();
      for (let round = 0; round < (quick ? 1 : 3); round += 1) {
        theirs.add(await timeLmEval(lmEval, { url: `${url}/v1`, data: join(data, 'hf', 'data'), folder }));
        theirAsking.add(await rate(url));
      }
      others.push({ name: 'lm-eval, the same questions', unit: 'ms', samples: theirs });
      others.push({ name: 'lm-eval, questions per second', unit: '1/s', samples: theirAsking });
      goals.push({ what: '5 times lm-eval', met: ({ median }: Samples) => 5 * median <= theirs.median });
    }
    const goal = {
      what: goals.map(({ what }) => what).join(', '),
      met: (samples: Samples) => goals.every(({ met }) => met(samples)),
    };
    const fast = { what: '>= 2357/s', met: ({ median }: Samples) => median >= 2_357 };
    return [
      { name: '1351 questions, start to report', unit: 'ms', samples: whole, goal },
      { name: 'questions asked per second', unit: '1/s', samples: asking, goal: fast },
      ...others,
      await scoring(data, quick),
    ];
  } finally {
    server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
};

async function timeAnneal(url: string, data: string, out: string): Promise<number> {
  const started = performance.now();
  const args = ['--benchmark', 'mmlu-pro', '--data', data, '--subjects', 'math', '--out', out, '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, [program, 'evaluate', '--model', url, ...args]);
  const took = performance.now() - started;
  if (!stdout.includes('"n":1351')) throw new Error(`not all questions were asked: ${stdout}`);
  return took;
}

/** Questions a second between the first and the last one, by the clock of the server. */
async function rate(url: string): Promise<number> {
  const { served, seconds } = span.parse(await (await fetch(`${url}/span`)).json());
  return served / seconds;
}

/** What three models really wrote, as often as it takes to have as many outputs as MMLU-Pro has questions. */
async function scoring(data: string, quick: boolean): Promise<Result> {
  const benchmarks = [{ name: 'mmlu-pro', source: `file:${join(data, 'hf')}`, subjects: ['math'] }];
  const [benchmark] = await loadBenchmarks(
    { evaluation: carriedRunSpec.shape.evaluation.parse({ benchmarks, policy: {} }) },
    { fileRoots: ['/'], dataset: undefined, signal: new AbortController().signal },
  );
  if (!benchmark) throw new Error('no benchmark was loaded');
  const files = readdirSync(join(data, 'published')).filter((name) => name.endsWith('.jsonl.gz'));
  const outputs = files.flatMap((name) =>
    gunzipSync(readFileSync(join(data, 'published', name)))
      .toString()
      .split('\n')
      .filter(Boolean)
      .map((line) => published.parse(JSON.parse(line))),
  );
  const samples = new Samples();
  for (let round = 0; round < (quick ? 1 : 10); round += 1) {
    const started = performance.now();
    for (let index = 0; index < 12_032; index += 1) {
      const output = outputs[index % outputs.length];
      if (output) benchmark.score(output.model_outputs, output.answer);
    }
    samples.add(performance.now() - started);
  }
  const goal = { what: '< 1 s', met: ({ median }: Samples) => median < 1_000 };
  return { name: 'scoring 12032 outputs', unit: 'ms', samples, goal };
}
