import { Failure, type Estimate } from '@anneal/contracts';
import type { Hosts } from './hosts.js';
import { durationOf, type Amount } from './duration/duration.js';
import type { Correction } from './memory/correction.js';
import { fits, largestThatFits, suggestChanges } from './memory/fit.js';
import { memoryPerGpu, trainableParameters, type Load } from './memory/memory.js';
import type { ModelShape } from './model/model.shape.js';

export interface EstimateInput {
  readonly reference: string;
  readonly model: ModelShape;
  readonly load: Load;
  readonly hosts: Hosts;
  readonly amount: Amount;
  readonly correction?: Correction | undefined;
}

/** Above this by the rule of thumb, a model is beyond what one host of GPUs is there for. */
const beyondAnyHost = 3e12;

/** Whether a training fits, of what its memory is made, what would make it fit, and how long it may last. */
export function estimateTraining({ reference, model, load, hosts, amount, correction }: EstimateInput): Estimate {
  const ratio = correction?.ratio;
  const perGpu = memoryPerGpu(model, load, hosts.available, ratio);
  const rule = ruleOfThumb(model.parameters);
  const tooLarge = rule.optimizerStep > beyondAnyHost;
  const itFits = !tooLarge && fits(model, load, hosts, ratio);
  const suggestions = tooLarge ? [] : suggestChanges(model, load, hosts, ratio);
  return {
    model: { reference, family: model.family?.name ?? model.modelType, architecture: model.architecture },
    method: load.method,
    objective: load.objective,
    strategy: load.strategy,
    device: load.gpus === 0 ? 'cpu' : 'gpu',
    gpus: load.gpus,
    parameters: model.parameters,
    parametersFrom: model.parametersFrom,
    trainable: trainableParameters(model, load),
    sequenceLength: load.sequenceLength,
    microBatch: load.microBatch,
    gradientCheckpointing: load.gradientCheckpointing,
    fits: itFits,
    verdict: verdictOf(model, load, { itFits, tooLarge, total: perGpu.total, available: perGpu.available, rule }),
    perGpu,
    correction: correction ?? null,
    largest: largestThatFits(model, load, hosts, ratio),
    suggestions,
    duration: durationOf(model, load, hosts, amount),
    ruleOfThumb: rule,
    warnings: [...model.warnings],
  };
}

/**
 * The refusal of a training that does not fit.
 *
 * @returns nothing when it fits
 */
export function refusalOf(estimate: Estimate): Failure | undefined {
  if (estimate.fits) return undefined;
  const [cheapest] = estimate.suggestions;
  const remedy = cheapest
    ? `${cheapest.change} (training: ${JSON.stringify(cheapest.training)})`
    : 'Take a smaller model';
  return new Failure('DOES_NOT_FIT', estimate.verdict, {
    remedy: `${remedy.replace(/\.$/, '')}; or set training.force to try nevertheless.`,
    field: 'training',
  });
}

/** Four bytes a parameter, twice as much for the backward pass, four times for the step of Adam. */
function ruleOfThumb(parameters: number): Estimate['ruleOfThumb'] {
  const model = 4 * parameters;
  return { model, backward: 2 * model, optimizerStep: 4 * model };
}

interface Figures {
  readonly itFits: boolean;
  readonly tooLarge: boolean;
  readonly total: number;
  readonly available: number;
  readonly rule: Estimate['ruleOfThumb'];
}

function verdictOf(model: ModelShape, load: Load, figures: Figures): string {
  const { itFits, tooLarge, total, available, rule } = figures;
  const each = load.gpus === 0 ? 'the machine' : load.gpus === 1 ? 'the GPU' : 'each GPU';
  const facts = `${gigabytes(total)} of ${gigabytes(available)} that ${each} has to give`;
  if (itFits) return `It fits: ${facts}.`;
  if (!tooLarge) return `It does not fit: it needs ${facts}.`;
  const billions = (model.parameters / 1e9).toFixed(0);
  return `It does not fit: training all ${billions} billion parameters takes ${gigabytes(rule.optimizerStep)} by the rule of thumb, and models beyond 3 TB are for more than one host; this training alone would take ${facts}.`;
}

/** Bytes for people. */
function gigabytes(bytes: number): string {
  return bytes >= 1e12 ? `${(bytes / 1e12).toFixed(2)} TB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
