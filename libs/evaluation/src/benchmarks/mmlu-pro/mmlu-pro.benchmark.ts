import { Failure, type MmluProBenchmark } from '@anneal/contracts';
import { resolveFileReference } from '@anneal/artifacts';
import type { Score } from '../../scoring/outcome.js';
import type { Benchmark, BenchmarkContext, Item } from '../benchmark.js';
import { extractLetter } from './extraction.js';
import { mmluPrompt, shots, stopText } from './prompt.js';
import { readTest, readValidation, type MmluExample, type MmluQuestion } from './rows.js';

/** MMLU-Pro: prompts and extraction of the benchmark's own script, with five examples; no letter counts as unparsed. */
export const mmluPro: Benchmark<MmluProBenchmark> = async (spec, context) => {
  const directory = await directoryOf(spec, context);
  const [test, validation] = await Promise.all([readTest(directory), readValidation(directory)]);
  const chosen = chooseQuestions(test, spec, context.field);
  return {
    items: chosen.map((question) => toItem(question, validation)),
    answerTokens: spec.answerTokens,
    stop: [stopText],
    score: scoreLetter,
    read: extractLetter,
    settings: {
      source: spec.source,
      revision: spec.revision,
      subjects: spec.subjects ?? 'all',
      shots,
      extraction: 'three steps, no guess',
      answerTokens: spec.answerTokens,
    },
  };
};

/** Right when the extracted letter is the expected one. */
export const scoreLetter: Score = (answer, expected) => {
  const { letter } = extractLetter(answer);
  if (letter === null) return 'unparsed';
  return letter === expected ? 'correct' : 'wrong';
};

async function directoryOf(spec: MmluProBenchmark, { field, fileRoots }: BenchmarkContext): Promise<string> {
  const source = `${field}.source`;
  if (!spec.source.startsWith('file:')) {
    throw new Failure('SPEC_UNSUPPORTED', `MMLU-Pro cannot be fetched from the Hub (${spec.source}) by this version.`, {
      remedy: `Download ${spec.source} once, put it below one of FILE_ROOTS, and name the folder as file:DIRECTORY.`,
      field: source,
    });
  }
  return resolveFileReference(spec.source, { roots: fileRoots, field: source, missing: 'BENCHMARK_INVALID' });
}

function chooseQuestions(test: readonly MmluQuestion[], spec: MmluProBenchmark, field: string): MmluQuestion[] {
  const known = new Set(test.map(({ category }) => category));
  const unknown = (spec.subjects ?? []).filter((subject) => !known.has(subject));
  if (unknown.length > 0) {
    throw new Failure('BENCHMARK_INVALID', `MMLU-Pro has no subject ${unknown.join(', ')}.`, {
      remedy: `Choose from ${[...known].toSorted().join(', ')}.`,
      field: `${field}.subjects`,
    });
  }
  const wanted = spec.subjects && new Set(spec.subjects);
  const chosen = test.filter(({ category }) => !wanted || wanted.has(category)).slice(0, spec.limit);
  if (chosen.length > 0) return chosen;
  throw new Failure('BENCHMARK_INVALID', 'The test split of MMLU-Pro has no question.', {
    remedy: 'Give the test file of TIGER-Lab/MMLU-Pro unchanged.',
    field: `${field}.source`,
  });
}

function toItem(question: MmluQuestion, validation: readonly MmluExample[]): Item {
  const examples = validation.filter(({ category }) => category === question.category).slice(0, shots);
  return {
    id: String(question.question_id),
    prompt: { prompt: mmluPrompt(question, examples) },
    expected: question.answer,
  };
}
