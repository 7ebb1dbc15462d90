import { Failure, type AcceptedRunSpec, type TrainingPlan } from '@anneal/contracts';

export type Placement = Pick<TrainingPlan, 'device' | 'strategy' | 'processes'>;

/**
 * Decides where the training runs: on the CPU, on one GPU, or on several GPUs with one process each.
 *
 * @param gpus how many GPUs this service may use
 * @param cpuProcesses how many processes train together on the CPU
 */
export function placeTraining(training: AcceptedRunSpec['training'], gpus: number, cpuProcesses = 1): Placement {
  const { strategy, method } = training;
  if (strategy === 'fsdp' || strategy === 'deepspeed') {
    throw unsupported(
      'training.strategy',
      `training.strategy ${strategy} is not supported yet.`,
      'Use auto, single or ddp.',
    );
  }
  const wanted = training.gpus ?? (strategy === 'single' ? Math.min(gpus, 1) : gpus);
  if (wanted > gpus) {
    throw unsupported(
      'training.gpus',
      `training.gpus asks for ${wanted}, and this service may use ${gpus === 0 ? 'no GPU' : `${gpus}`}.`,
      gpus === 0
        ? 'Leave training.gpus out to train on the CPU, or give the service GPUs.'
        : `Ask for ${gpus} at most.`,
    );
  }
  if (method === 'qlora' && wanted === 0) {
    throw unsupported(
      'training.method',
      'QLoRA needs a GPU, and this training would run on the CPU.',
      'Use lora on the CPU, or give the service a GPU.',
    );
  }
  if (wanted === 0 && cpuProcesses > 1 && strategy !== 'single')
    return { device: 'cpu', strategy: 'ddp', processes: cpuProcesses };
  if (strategy === 'ddp' && wanted < 2) {
    throw unsupported('training.strategy', 'ddp needs two GPUs or more.', 'Use auto, or give the service more GPUs.');
  }
  if (strategy === 'single' && wanted > 1) {
    throw unsupported(
      'training.gpus',
      `training.strategy single uses one GPU, not ${wanted}.`,
      'Use ddp or auto for more.',
    );
  }
  if (wanted === 0) return { device: 'cpu', strategy: 'single', processes: 1 };
  return { device: 'gpu', strategy: wanted > 1 ? 'ddp' : 'single', processes: wanted };
}

function unsupported(field: string, message: string, remedy: string): Failure {
  return new Failure('SPEC_UNSUPPORTED', message, { remedy, field });
}
