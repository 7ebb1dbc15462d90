import type { AcceptedRunSpec, EvaluatedModel } from '@anneal/contracts';

export type GateDecision = { publish: true } | { publish: false; rule: string };

/** Decides from the RunSpec's rule and the verdict alone whether the model goes out. */
export function decide(
  when: AcceptedRunSpec['publish']['when'],
  { verdict, reason }: Pick<EvaluatedModel, 'verdict' | 'reason'>,
): GateDecision {
  switch (when) {
    case 'always':
      return { publish: true };
    case 'never':
      return { publish: false, rule: 'publish.when is "never"' };
    case 'improved':
      return verdict === 'improved'
        ? { publish: true }
        : { publish: false, rule: `publish.when is "improved", and the verdict is "${verdict}": ${reason}` };
  }
}
