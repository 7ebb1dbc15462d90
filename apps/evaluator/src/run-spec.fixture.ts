import { acceptRunSpec, runSpec, type AcceptedRunSpec, type RunSpecInput } from '@anneal/contracts';

type Evaluation = NonNullable<RunSpecInput['evaluation']>;

/** A RunSpec with the given evaluation, as it travels in events. */
export function specWith(evaluation: Evaluation, { id = 'run-1', base = 'acme/base' } = {}): AcceptedRunSpec {
  const spec = runSpec.parse({
    model: { base },
    dataset: { source: 'acme/data' },
    training: { method: 'lora' },
    evaluation,
  });
  return acceptRunSpec(spec, id);
}
