import { Failure, parseRunSpec, type RunSpec, type SpecProblem } from '@anneal/contracts';
import { unstorableFields, whyUnstorable } from '../http/storable.js';

/** A RunSpec that cannot become a run; the answer names every field at fault. */
export class InvalidSpec extends Failure {
  constructor(readonly problems: readonly SpecProblem[]) {
    const [first] = problems;
    const places = problems.length === 1 ? 'one place' : `${problems.length} places`;
    super('SPEC_INVALID', `The RunSpec is not valid in ${places}.`, {
      remedy: 'Correct the fields that are listed under problems and send the RunSpec again.',
      ...(first ? { field: first.field } : {}),
    });
  }
}

/**
 * Reads a RunSpec as a caller sent it.
 *
 * @throws InvalidSpec
 */
export function checkSpec(input: unknown): RunSpec {
  if (input === undefined) {
    throw new InvalidSpec([{ field: '(whole)', message: 'the request has no body; it must be a RunSpec' }]);
  }
  const parsed = parseRunSpec(input);
  if (!parsed.ok) throw new InvalidSpec(parsed.problems);
  const unstorable = unstorableFields(parsed.spec);
  if (unstorable.length > 0) {
    throw new InvalidSpec(unstorable.map((field) => ({ field, message: whyUnstorable })));
  }
  return parsed.spec;
}
