import { createHash } from 'node:crypto';
import { tokenizerDigest } from '../tokens/tokenizer.files.js';
import type { SetInput } from './set.input.js';

/** Counts up whenever the same input would give another set or another report. */
const preparationVersion = 4;

/**
 * Names a set before it is made: the same key, the same bytes.
 *
 * @param digests of the bytes of the source, and of the one that is held out from
 */
export function setKey(input: SetInput, digests: { source: string; heldOutFrom: string | undefined }): string {
  const { dataset, training, heldOut, tokenizer, benchmarks, uncheckedBenchmarks } = input;
  const { columns, system, limit, mostBadRows, nearDuplicates, decontamination, decontaminationWords } = dataset;
  const { objective, prompt, sequenceLength, epochs, maxSteps, microBatch, gradientAccumulation, gpus } = training;
  const ofColumns = Object.entries(columns ?? {}).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const decides = [
    preparationVersion,
    digests.source,
    digests.heldOutFrom,
    // Compression and form of a file decide how its bytes are read.
    input.source.files.map(({ format, compression }) => [format, compression]),
    [ofColumns, system, limit, mostBadRows, nearDuplicates, decontamination, decontaminationWords],
    [objective, prompt, sequenceLength, epochs, maxSteps, microBatch, gradientAccumulation, gpus],
    heldOut,
    tokenizer === undefined ? null : tokenizerDigest(tokenizer),
    benchmarks.map(({ benchmark, item, text }) => [benchmark, item, text]),
    uncheckedBenchmarks.map(({ benchmark, reason }) => [benchmark, reason]),
  ];
  return createHash('sha256')
    .update(JSON.stringify(decides, (_key, value: unknown) => (value === undefined ? null : value)))
    .digest('hex');
}
