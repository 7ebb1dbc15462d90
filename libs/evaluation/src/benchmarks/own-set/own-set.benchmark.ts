import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Failure, type OwnSetBenchmark } from '@anneal/contracts';
import { resolveFileReference } from '@anneal/artifacts';
import { scoreNamed } from '../../scoring/score.js';
import type { Benchmark } from '../benchmark.js';
import { readItemLines } from '../item.lines.js';
import { rowsSeenInTraining } from './overlap.js';

/** A team's own questions. Refused when the training set holds one of them, with its answer. */
export const ownSet: Benchmark<OwnSetBenchmark> = async (spec, { field, fileRoots, dataset, signal }) => {
  const source = `${field}.source`;
  const path = await resolveFileReference(spec.source, {
    roots: fileRoots,
    field: source,
    missing: 'BENCHMARK_INVALID',
  });
  const name = basename(path);
  if (!(await stat(path)).isFile()) {
    throw new Failure('BENCHMARK_INVALID', `${name} is not a file.`, {
      remedy: 'Name one .jsonl file.',
      field: source,
      file: name,
    });
  }
  const rows = await readItemLines(path, { name, score: spec.score, limit: spec.limit });
  if (dataset !== undefined) {
    const seen = await rowsSeenInTraining(rows, join(dataset, 'train.jsonl'), signal);
    if (seen.length > 0) throw seenInTraining(seen, name, source);
  }
  return {
    items: rows.map(({ item }) => item),
    answerTokens: spec.answerTokens,
    stop: [],
    score: scoreNamed(spec.score),
    settings: { score: spec.score, answerTokens: spec.answerTokens, file: name, sha256: await digestOf(path) },
  };
};

const mostRowsNamed = 10;

function seenInTraining(rows: readonly number[], file: string, field: string): Failure {
  const named = rows.slice(0, mostRowsNamed).join(', ');
  const others = rows.length > mostRowsNamed ? ` and ${rows.length - mostRowsNamed} more` : '';
  const lines = rows.length === 1 ? `Line ${named}` : `Lines ${named}${others}`;
  const are = rows.length === 1 ? 'is' : 'are';
  return new Failure('BENCHMARK_INVALID', `${lines} of ${file} ${are} in the training set too, question and answer.`, {
    remedy: 'Remove them from one of the two: a model that was shown the answers cannot be measured by them.',
    field,
    file,
    ...(rows[0] === undefined ? {} : { row: rows[0] }),
  });
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
