import { Failure, type MmluProBenchmark } from '@anneal/contracts';
import { scoreChoice } from '../../scoring/choice.js';
import { extractLetter } from '../../scoring/letter.js';
import type { Benchmark, Item, Prompt } from '../benchmark.js';
import { digestsOf } from '../digests.js';
import { groupBy, stratifiedSample } from '../sample.js';
import { bringHere } from './directory.js';
import { filesOf } from './files.js';
import { withoutPadding } from './options.js';
import { mmluConversation, mmluPrompt, shots, stopText } from './prompt.js';
import { disagreeingQuestion, readTest, readValidation, type MmluExample, type MmluQuestion } from './rows.js';

/** MMLU-Pro: prompts and extraction of the benchmark's own script, with five examples; no letter counts as unparsed. */
export const mmluPro: Benchmark<MmluProBenchmark> = async (spec, context) => {
  const { directory, commit } = await bringHere(spec, context);
  const [test, validation] = await Promise.all([readTest(directory), readValidation(directory)]);
  const all = chooseSubjects(test, spec, context.field);
  const chosen = stratifiedSample(all, {
    limit: spec.limit,
    seed: spec.seed,
    idOf: ({ question_id }) => String(question_id),
    subjectOf: ({ category }) => category,
  });
  const examples = groupBy(validation, ({ category }) => category);
  const bare = chosen.find(({ category }) => !examples.has(category));
  if (bare) {
    throw new Failure('BENCHMARK_INVALID', `The validation split has no worked example of ${bare.category}.`, {
      remedy: 'Give the validation file of TIGER-Lab/MMLU-Pro unchanged.',
      field: `${context.field}.source`,
    });
  }
  return {
    items: chosen.map((question) => toItem(question, examples.get(question.category) ?? [], spec.prompt)),
    shots,
    answerTokens: spec.answerTokens,
    // A chat model that repeats the question before it answers would be cut off by the script's stop text.
    stop: spec.prompt === 'chat' ? [] : [stopText],
    score: scoreChoice,
    read: extractLetter,
    ...(chosen.length < all.length ? { sampledFrom: all.length } : {}),
    settings: {
      source: spec.source,
      ...(commit === undefined ? {} : { revision: commit }),
      ...(commit === undefined || commit === spec.revision ? {} : { asked: spec.revision }),
      files: await digestsOf([...(await filesOf(directory, 'test')), ...(await filesOf(directory, 'validation'))]),
      subjects: spec.subjects ?? 'all',
      prompt: spec.prompt,
      shots,
      extraction: 'three steps, no guess',
      answerTokens: spec.answerTokens,
      ...(chosen.length < all.length ? { sample: { items: chosen.length, of: all.length, seed: spec.seed } } : {}),
      ...(chosen.some(({ question_id }) => question_id === disagreeingQuestion)
        ? { note: `question ${disagreeingQuestion}: letter and index disagree in the published set; the letter counts` }
        : {}),
    },
  };
};

function chooseSubjects(test: readonly MmluQuestion[], spec: MmluProBenchmark, field: string): readonly MmluQuestion[] {
  const known = new Set(test.map(({ category }) => category));
  const unknown = (spec.subjects ?? []).filter((subject) => !known.has(subject));
  if (unknown.length > 0) {
    throw new Failure('BENCHMARK_INVALID', `MMLU-Pro has no subject ${unknown.join(', ')}.`, {
      remedy: `Choose from ${[...known].toSorted().join(', ')}.`,
      field: `${field}.subjects`,
    });
  }
  const wanted = spec.subjects && new Set(spec.subjects);
  const chosen = test.filter(({ category }) => !wanted || wanted.has(category));
  if (chosen.length > 0) return chosen;
  throw new Failure('BENCHMARK_INVALID', 'The test split of MMLU-Pro has no question.', {
    remedy: 'Give the test file of TIGER-Lab/MMLU-Pro unchanged.',
    field: `${field}.source`,
  });
}

function toItem(question: MmluQuestion, examples: readonly MmluExample[], form: MmluProBenchmark['prompt']): Item {
  const withShots = (count: number): Prompt =>
    form === 'chat'
      ? { messages: mmluConversation(question, examples.slice(0, count)) }
      : { prompt: mmluPrompt(question, examples.slice(0, count)) };
  return {
    id: String(question.question_id),
    prompt: withShots(shots),
    expected: question.answer,
    subject: question.category,
    options: withoutPadding(question.options).length,
    withShots,
  };
}
