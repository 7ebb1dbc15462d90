import type { AcceptedRunSpec, EvaluationAlarm } from '@anneal/contracts';
import { z } from 'zod';
import type { LoadedBenchmark } from '../benchmarks/load.benchmarks.js';

/** What a measurement says of the model's chat template. */
const measuredModel = z.object({ chat: z.object({ digest: z.string(), sample: z.string() }).optional() });

/** A model that is asked in another form than it was trained in shows less than it can. */
export function templateAlarms(
  benchmarks: readonly LoadedBenchmark[],
  trained: AcceptedRunSpec['training']['prompt'],
  measured: Readonly<Record<'base' | 'tuned', unknown>>,
): EvaluationAlarm[] {
  const conversations = benchmarks.some(({ items }) => items.some(({ prompt }) => 'messages' in prompt));
  return [
    ...benchmarks.flatMap((benchmark) => otherForm(benchmark, trained)),
    ...(conversations ? otherTemplate(measured) : []),
  ];
}

function otherForm(
  { label, items }: LoadedBenchmark,
  trained: AcceptedRunSpec['training']['prompt'],
): EvaluationAlarm[] {
  const asksText = (item: LoadedBenchmark['items'][number]): boolean => 'prompt' in item.prompt;
  const others = items.filter((item) => asksText(item) !== (trained === 'load-qa')).length;
  if (others === 0) return [];
  const message =
    trained === 'chat'
      ? `${label} asks ${others} of ${items.length} items as plain text, but the model was trained on its chat template.`
      : `${label} asks ${others} of ${items.length} items through the chat template, but the model was trained on plain text (load-qa).`;
  return [{ kind: 'template', benchmark: label, message }];
}

/**
 * The base's template is the one that is trained with, and each model is asked with its own. Two texts that write a
 * conversation in the same way are no other form.
 */
function otherTemplate(measured: Readonly<Record<'base' | 'tuned', unknown>>): EvaluationAlarm[] {
  const base = measuredModel.safeParse(measured.base).data?.chat;
  const tuned = measuredModel.safeParse(measured.tuned).data?.chat;
  if (!base || base.digest === tuned?.digest || base.sample === tuned?.sample) return [];
  const message = tuned
    ? `The tuned model's chat template is not the base's: it writes ${JSON.stringify(tuned.sample)} where that one writes ${JSON.stringify(base.sample)}.`
    : 'The base has a chat template, and the tuned model has none that could be read: it may be asked in another form than it was trained in.';
  return [{ kind: 'template', message }];
}
