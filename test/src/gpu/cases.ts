import type { RunSpecInput } from '@anneal/contracts';

/** A training that is tried, or why it cannot be tried here. */
export interface GpuCase {
  readonly name: string;
  readonly training: RunSpecInput['training'];
  readonly skipped?: string;
}

const steps = 8;
const common = {
  maxSteps: steps,
  microBatch: 2,
  gradientAccumulation: 1,
  sequenceLength: 512,
  prompt: 'load-qa',
} as const;

/** Every method on one GPU, and every way to share the work on two, as far as this machine has them. */
export function gpuCases({ gpus, deepspeed }: { gpus: number; deepspeed: boolean }): GpuCase[] {
  const single = (['lora', 'qlora', 'full'] as const).map((method): GpuCase => ({
    name: `${method}, one GPU`,
    training: { ...common, method, gpus: 1, strategy: 'single' },
    ...(gpus < 1 ? { skipped: 'there is no GPU' } : {}),
  }));
  const shared = (
    [
      ['lora', 'ddp'],
      ['lora', 'fsdp'],
      ['qlora', 'fsdp'],
      ['full', 'fsdp'],
      ['lora', 'zero2'],
      ['full', 'zero3'],
    ] as const
  ).map(([method, strategy]): GpuCase => {
    const why =
      gpus < 2
        ? 'it needs two GPUs'
        : strategy.startsWith('zero') && !deepspeed
          ? 'deepspeed is not installed'
          : undefined;
    return {
      name: `${method}, ${strategy} on two GPUs`,
      training: { ...common, method, gpus: 2, strategy },
      ...(why === undefined ? {} : { skipped: why }),
    };
  });
  return [...single, ...shared];
}
