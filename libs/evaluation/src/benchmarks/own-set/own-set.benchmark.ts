import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { resolveFileReference } from '@anneal/artifacts';
import { Failure, type OwnSetBenchmark } from '@anneal/contracts';
import { scoringOf } from '../../scoring/score.js';
import type { Benchmark, BenchmarkContext } from '../benchmark.js';
import { digestsOf } from '../digests.js';
import { questionsOf } from '../item.questions.js';
import { readItemLines, type ItemRow } from '../item.lines.js';
import { rowsSeenInTraining } from './overlap.js';

/** A team's own questions. Refused when the training set holds one of them, with its answer. */
export const ownSet: Benchmark<OwnSetBenchmark> = async (spec, context) => {
  const { field, dataset, signal } = context;
  const scoring = scoringOf(spec);
  const files = await filesOf(spec.source, context);
  const rows: ItemRow[] = [];
  for (const path of files)
    rows.push(...(await readItemLines(path, { name: basename(path), scoring, choice: spec.score === 'choice' })));
  refuseRepeated(rows);
  if (dataset !== undefined) {
    const seen = await rowsSeenInTraining(rows, { dataset, score: scoring.score, signal });
    if (seen.length > 0) throw seenInTraining(seen, `${field}.source`);
  }
  return questionsOf(rows, spec, { field, settings: { source: spec.source, files: await digestsOf(files) } });
};

async function filesOf(
  reference: string,
  { field, fileRoots, fetchArtifact, signal }: BenchmarkContext,
): Promise<string[]> {
  const source = `${field}.source`;
  if (reference.startsWith('file:')) {
    const path = await resolveFileReference(reference, {
      roots: fileRoots,
      field: source,
      missing: 'BENCHMARK_INVALID',
    });
    if ((await stat(path)).isFile()) return [path];
    throw new Failure('BENCHMARK_INVALID', `${basename(path)} is not a file.`, {
      remedy: 'Name one .jsonl file.',
      field: source,
      file: basename(path),
    });
  }
  if (!fetchArtifact) {
    throw new Failure('SPEC_UNSUPPORTED', `Stored artifacts cannot be fetched here (${reference}).`, {
      remedy: 'Name the .jsonl file as file:PATH.',
      field: source,
    });
  }
  const folder = await fetchArtifact(reference.replace(/^artifact:/, ''), signal);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).toSorted();
  if (names.length > 0) return names.map((name) => join(folder, name));
  throw new Failure('BENCHMARK_INVALID', `${reference.slice(0, 21)} has no .jsonl file.`, {
    remedy: 'Store the set as one or more .jsonl files.',
    field: source,
  });
}

/** Within a file, reading has made sure of it; lines without an id have the same names in every file. */
function refuseRepeated(rows: readonly ItemRow[]): void {
  const known = new Map<string, ItemRow>();
  for (const row of rows) {
    const earlier = known.get(row.item.id);
    if (earlier) {
      throw new Failure(
        'BENCHMARK_INVALID',
        `Line ${row.row} of ${row.file} has the id "${row.item.id}" of line ${earlier.row} of ${earlier.file}.`,
        { remedy: 'Give every item an id of its own.', file: row.file, row: row.row },
      );
    }
    known.set(row.item.id, row);
  }
}

const mostRowsNamed = 10;

function seenInTraining(rows: readonly ItemRow[], field: string): Failure {
  const file = rows[0]?.file ?? '';
  const here = rows.filter((row) => row.file === file);
  const named = here
    .slice(0, mostRowsNamed)
    .map(({ row }) => row)
    .join(', ');
  const others =
    rows.length > Math.min(here.length, mostRowsNamed) ? rows.length - Math.min(here.length, mostRowsNamed) : 0;
  const lines = rows.length === 1 ? `Line ${named}` : `Lines ${named}`;
  const are = rows.length === 1 ? 'is' : 'are';
  const more = others > 0 ? ` (and ${others} more lines)` : '';
  return new Failure(
    'BENCHMARK_INVALID',
    `${lines} of ${file}${more} ${are} in the training set too, question and answer.`,
    {
      remedy: 'Remove them from one of the two: a model that was shown the answers cannot be measured by them.',
      field,
      file,
      ...(rows[0] === undefined ? {} : { row: rows[0].row }),
    },
  );
}
