import { Failure, type AcceptedRunSpec } from '@anneal/contracts';
import { automatic, combination, layoutOf, type Strategy } from '../combinations.js';

type Training = Pick<AcceptedRunSpec['training'], 'strategy' | 'method' | 'gpus' | 'objective'>;

export interface Placement {
  /** 0 is the CPU. */
  readonly gpus: number;
  /** Strategies that may be taken, the cheapest first; one alone when it was asked for. */
  readonly strategies: readonly Strategy[];
}

/**
 * Decides where the training runs: on the CPU, on one GPU, or on several GPUs with one process each, and by which
 * strategies it may share the work.
 *
 * @param gpus how many GPUs there are
 * @throws Failure SPEC_UNSUPPORTED with the field at fault
 */
export function placeTraining(training: Training, gpus: number): Placement {
  const { strategy, method, objective } = training;
  const wanted = training.gpus ?? (strategy === 'single' ? Math.min(gpus, 1) : gpus);
  if (wanted > gpus) {
    throw unsupported(
      'training.gpus',
      `training.gpus asks for ${wanted}, and ${gpus === 0 ? 'there is no GPU' : `there are ${gpus}`}.`,
      gpus === 0
        ? 'Leave training.gpus out to train on the CPU, or give the service GPUs.'
        : `Ask for ${gpus} at most.`,
    );
  }
  const asked = strategy === 'deepspeed' ? 'zero2' : strategy;
  const candidates = asked === 'auto' ? automatic(wanted) : [asked];
  const layout = layoutOf(wanted);
  const judged = candidates.map((name) => ({ name, ...combination(method, name, layout, objective) }));
  const strategies = judged.filter(({ exists }) => exists).map(({ name }) => name);
  const refused = judged.find(({ exists }) => !exists);
  if (strategies.length > 0 || refused === undefined) return { gpus: wanted, strategies };
  const where = { cpu: 'on the CPU', one: 'on one GPU', several: `on ${wanted} GPUs` }[layout];
  throw unsupported(
    fieldAtFault(training, asked),
    `There is no ${method} training${objective === 'dpo' ? ' from pairs' : ''}${asked === 'auto' ? '' : ` with strategy ${asked}`} ${where}. ${refused.reason}`,
    'Leave training.strategy and training.gpus out for what fits this host, or choose another training.method.',
  );
}

function fieldAtFault({ method, gpus }: Training, strategy: Strategy | 'auto'): string {
  if (strategy === 'auto' || (method === 'qlora' && strategy === 'zero3')) return 'training.method';
  return strategy === 'single' && gpus !== undefined && gpus > 1 ? 'training.gpus' : 'training.strategy';
}

function unsupported(field: string, message: string, remedy: string): Failure {
  return new Failure('SPEC_UNSUPPORTED', message, { remedy, field });
}
