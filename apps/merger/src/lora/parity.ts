import { Failure, type MergedModel } from '@anneal/contracts';
import { z } from 'zod';

/** What `anneal_engine.merge_parity` prints. */
const mergeParity = z.object({
  targets: z.int(),
  changed: z.int(),
  untouched: z.int(),
  foreign: z.int(),
  largestWeightDifference: z.number(),
  largestLogitDifference: z.number(),
  sameNextToken: z.boolean(),
});
export type MergeParity = z.infer<typeof mergeParity>;

const modelConfig = z.object({ dtype: z.unknown().optional(), torch_dtype: z.unknown().optional() });

// Merge and check do the same multiplication; only the order of its sums may differ.
const mostWeightDifference = 1e-5;
// The adapter adds to an activation what the merge adds to a weight. In float32 that differs in the fifth digit; sixteen
// bits round each weight once more, and then two close tokens may change places.
const mostLogitDifference = { float32: 0.01, sixteen: 1 } as const;

/**
 * Holds a merge to what it must be.
 *
 * @param compared what the comparison wrote; its last line counts
 * @param configText config.json of the base model
 * @throws Failure MERGE_MISMATCH
 */
export function judgeParity(compared: string, configText: string): MergedModel['parity'] {
  const parity = mergeParity.parse(JSON.parse(compared.trim().split('\n').at(-1) ?? ''));
  requireExact(parity, configText);
  const { targets, untouched, largestWeightDifference, largestLogitDifference, sameNextToken } = parity;
  return { targets, untouched, largestWeightDifference, largestLogitDifference, sameNextToken };
}

/** @throws Failure MERGE_MISMATCH */
export function requireExact(parity: MergeParity, configText: string): void {
  const { targets, changed, foreign, largestWeightDifference, largestLogitDifference, sameNextToken } = parity;
  const isFloat32 = precisionOf(configText) === 'float32';
  const mostLogits = isFloat32 ? mostLogitDifference.float32 : mostLogitDifference.sixteen;
  const problems = [
    targets === 0 && 'the adapter has no targets',
    targets > 0 && changed === 0 && 'no weight was changed',
    foreign > 0 && `${foreign} tensors differ that the adapter does not touch`,
    // Written this way round, so that what is no number is a problem.
    !(largestWeightDifference <= mostWeightDifference) && `weights differ by ${largestWeightDifference}`,
    !(largestLogitDifference <= mostLogits) && `logits differ by ${largestLogitDifference}`,
    isFloat32 && !sameNextToken && 'the next token differs',
  ].filter((problem) => problem !== false);
  if (problems.length === 0) return;
  throw new Failure('MERGE_MISMATCH', `The merged model is not base and adapter together: ${problems.join('; ')}.`, {
    remedy: 'Nothing was published; report it with the RunSpec, since a merge must be exact.',
  });
}

function precisionOf(configText: string): unknown {
  const config = modelConfig.parse(JSON.parse(configText));
  return config.dtype ?? config.torch_dtype ?? 'float32';
}
