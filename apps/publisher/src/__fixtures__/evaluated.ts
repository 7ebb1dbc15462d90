import { acceptRunSpec, parseRunSpec, type RunSpecInput } from '@anneal/contracts';
import type { PublishInput } from '../publish.input.js';

const digest = (letter: string): string => letter.repeat(64);

/** An evaluated run, as the evaluator would say it. */
export function evaluated(publish: RunSpecInput['publish'] = {}, verdict: PublishInput['evaluation']['verdict'] = 'improved'): PublishInput {
  const parsed = parseRunSpec({
    name: 'home-control',
    model: { base: 'file:/home/somebody/models/smollm2' },
    dataset: { source: 'file:/home/somebody/data/train.jsonl' },
    training: { method: 'lora' },
    publish,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const artifact = (kind: 'dataset' | 'adapter' | 'plan' | 'model' | 'report', letter: string) => ({ kind, digest: digest(letter), files: 2, bytes: 100 });
  const side = (correct: number) => ({ correct, wrong: 60 - correct, unparsed: 0, accuracy: correct / 60 });
  return {
    runId: 'run-1',
    spec: acceptRunSpec(parsed.spec, 'run-1'),
    dataset: {
      artifact: artifact('dataset', 'a'),
      source: parsed.spec.dataset.source,
      sourceDigest: digest('b'),
      rows: { read: 400, train: 400, heldOut: 0, duplicates: 0, dropped: 0 },
      characters: { total: 100_000, longest: 400 },
    },
    training: {
      artifact: artifact('adapter', 'c'),
      base: { reference: parsed.spec.model.base, revision: digest('d'), parameters: 134_515_008 },
      plan: {
        method: 'lora',
        strategy: 'single',
        device: 'cpu',
        processes: 1,
        steps: 40,
        epochs: 1,
        microBatch: 4,
        gradientAccumulation: 1,
        effectiveBatch: 4,
        sequenceLength: 256,
        learningRate: 5e-4,
        scheduler: 'constant',
        warmupSteps: 0,
        checkpointEvery: 20,
        precision: 'float32',
        lora: { rank: 16, alpha: 32, dropout: 0 },
        seed: 42,
      },
      planArtifact: artifact('plan', 'e'),
      steps: 40,
      resumed: 0,
      loss: { first: 0.77, last: 0.05 },
      seconds: 200,
      engine: { axolotl: '0.21.0' },
    },
    merge: {
      artifact: artifact('model', 'f'),
      parity: { targets: 210, untouched: 62, largestWeightDifference: 0, largestLogitDifference: 6.3e-5, sameNextToken: true },
      seconds: 30,
    },
    evaluation: {
      report: artifact('report', '0'),
      results: [{ benchmark: 'own-set', items: 60, base: side(1), tuned: side(53), difference: 52 / 60, gained: 52, lost: 0, pValue: 4e-16, interval: [0.78, 0.95] }],
      verdict,
      reason: 'Tuned got 52 items right that base did not.',
    },
  };
}
