import { followJsonLines } from '@anneal/compute';
import { engineEvent, type EngineEvent } from '@anneal/engine';
import { restartRecord, scalarsRecord, versionRecord } from './event.records.js';

/** Tags are those of Transformers' own files, where it has them. */
const trainTags = {
  loss: 'train/loss',
  gradNorm: 'train/grad_norm',
  learningRate: 'train/learning_rate',
  epoch: 'train/epoch',
  tokensPerSecondPerGpu: 'train/tokens_per_second_per_gpu',
  trainableTokens: 'train/trainable_tokens',
  rewardAccuracy: 'train/rewards/accuracies',
  rewardMargin: 'train/rewards/margins',
  chosenReward: 'train/rewards/chosen',
  rejectedReward: 'train/rewards/rejected',
  chosenLogProbability: 'train/logps/chosen',
  rejectedLogProbability: 'train/logps/rejected',
  memoryAllocatedGib: 'train/memory_allocated_gib',
  memoryReservedGib: 'train/memory_reserved_gib',
} as const;
const evalTags = { loss: 'eval/loss' } as const;

/** A file for TensorBoard, and the name by which it is known to be one. */
export interface TensorboardFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/**
 * What a training said of its steps, over all its starts, as TensorBoard reads it.
 *
 * @param events path of the event file
 * @returns undefined when it said nothing
 */
export async function tensorboardFile(events: string): Promise<TensorboardFile | undefined> {
  let began: number | undefined;
  const records: Buffer[] = [];
  const note = (line: unknown): void => {
    const { data: event } = engineEvent.safeParse(line);
    if (event === undefined) return;
    began ??= event.time;
    const made = recordOf(event);
    if (made) records.push(made);
  };
  await followJsonLines(events, note, { signal: AbortSignal.abort() });
  if (began === undefined) return undefined;
  return {
    name: `events.out.tfevents.${Math.floor(began)}.anneal`,
    bytes: Buffer.concat([versionRecord(began), ...records]),
  };
}

function recordOf(event: EngineEvent): Buffer | undefined {
  switch (event.event) {
    case 'trainBegin':
      return restartRecord({ time: event.time, step: event.step + 1 });
    case 'log':
      return scalarsRecord(event, scalarsOf(event, trainTags));
    case 'eval':
      return scalarsRecord(event, scalarsOf(event, evalTags));
    default:
      return undefined;
  }
}

function scalarsOf<Field extends string>(
  event: { readonly [Key in NoInfer<Field>]?: number | undefined },
  tags: Readonly<Record<Field, string>>,
): Map<string, number> {
  const scalars = new Map<string, number>();
  for (const field of Object.keys(tags) as Field[]) {
    const value = event[field];
    if (value !== undefined) scalars.set(tags[field], value);
  }
  return scalars;
}
