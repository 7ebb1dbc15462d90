import type { EventData, Progress, StageFailed } from '@anneal/contracts';

/** A RunSpec that works as it is. */
export const smallSpec = {
  model: { base: 'google/gemma-2-2b' },
  dataset: { source: 'nvidia/AceReason-Math' },
  training: { method: 'lora' },
} as const;

export function stageFailed(runId: string): EventData<typeof StageFailed> {
  return {
    runId,
    stage: 'trainer',
    attempts: 1,
    failure: { code: 'KILLED', message: 'It was killed.', remedy: 'Try again.', retryable: true },
  };
}

export function step(runId: string, done: number): Progress {
  return {
    runId,
    stage: 'trainer',
    at: new Date().toISOString(),
    attempt: 1,
    phase: 'training',
    done,
    total: 10,
    unit: 'steps',
  };
}
