import type { Estimate } from '@anneal/contracts';
import { paint } from './colours.js';
import { duration } from './durations.js';
import { table } from './table.js';

/** An estimate for people: the verdict first, then of what it is made, and what to do about it. */
export function estimateLines(estimate: Estimate): string[] {
  const { model, fits, verdict, perGpu, suggestions, correction, warnings } = estimate;
  const { weights, gradients, optimizer, activations, logits, overhead, total, low, high } = perGpu;
  const parts = { weights, gradients, optimizer, activations, logits, overhead, total };
  const where = estimate.device === 'cpu' ? 'of the machine' : 'of each GPU';
  return [
    paint(fits ? 'green' : 'red', verdict),
    '',
    `${model.reference} (${model.family}): ${count(estimate.parameters)} parameters${origins[estimate.parametersFrom]}, ${count(estimate.trainable)} of them trained.`,
    `${estimate.method}${estimate.objective === 'dpo' ? ' from preference pairs (DPO)' : ''}, ${estimate.strategy} on ${estimate.gpus === 0 ? 'the CPU' : estimate.gpus === 1 ? 'one GPU' : `${estimate.gpus} GPUs`}: ${estimate.objective === 'dpo' ? '2 x ' : ''}${estimate.microBatch} x ${estimate.sequenceLength} tokens at once${estimate.gradientCheckpointing ? ', activations computed twice' : ''}.`,
    '',
    table(
      [`memory ${where}`, 'GB'],
      Object.entries(parts).map(([name, bytes]) => [name, gigabytes(bytes)]),
    ),
    `It may be ${gigabytes(low)} to ${gigabytes(high)} GB.`,
    ...(correction
      ? [
          `Corrected by ${correction.ratio.toFixed(2)}, measured in ${correction.trainings === 1 ? 'one training' : `${correction.trainings} trainings`} of this kind: ${gigabytes(total / correction.ratio)} GB without.`,
        ]
      : estimate.device === 'gpu'
        ? ['Not corrected: no measured peaks of this kind are known here; --server asks the running system.']
        : []),
    '',
    largestLine(estimate),
    ...suggestions.map(
      ({ change, bytesPerGpu }, at) =>
        `${at === 0 ? 'Cheapest change' : 'Or'}: ${change} (${gigabytes(bytesPerGpu)} GB)`,
    ),
    ...durationLines(estimate),
    ruleLine(estimate),
    ...warnings.map((warning) => paint('yellow', `Note: ${warning}`)),
  ];
}

const origins: Readonly<Record<Estimate['parametersFrom'], string>> = {
  weights: '',
  config: ', by its configuration',
  inspection: ', about',
};

function durationLines({ duration: { steps, tokens, seconds, wattHours, basis } }: Estimate): string[] {
  if (!seconds || !wattHours || tokens === null) return [`Duration: ${lowerFirst(basis)}`];
  return [
    `Duration: ${duration(seconds.low)} to ${duration(seconds.high)} for ${steps === null ? '' : `${count(steps)} steps, `}${count(tokens)} tokens; ${wattHours.low} to ${wattHours.high} Wh.`,
    `  ${basis}`,
  ];
}

function largestLine({ largest: { microBatch, sequenceLength } }: Estimate): string {
  const rows = microBatch === 0 ? 'no micro batch' : `micro batch ${microBatch}`;
  const length = sequenceLength === 0 ? 'no length' : `${count(sequenceLength)} tokens`;
  return `Largest that fits: ${rows} at this length, ${length} at this micro batch.`;
}

function ruleLine({ ruleOfThumb: { model, backward, optimizerStep } }: Estimate): string {
  return `Rule of thumb for all weights in float32: model ${gigabytes(model)}, backward pass ${gigabytes(backward)}, optimizer step ${gigabytes(optimizerStep)} GB.`;
}

const count = (value: number): string => value.toLocaleString('en-US');
const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);
const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
