import { Failure } from '@anneal/contracts';

// A chat template adds a few tokens to each turn, and some add a system prompt of their own.
const templateTokens = 64;
const leastByDefault = 256;
const mostByDefault = 2048;

/** The longest row in tokens if every character were one: digits and rare characters are. */
export function longestTokens(characters: number): number {
  return characters + templateTokens;
}

/** What the longest row usually takes: three characters a token. */
export function usualTokens(characters: number): number {
  return Math.ceil(characters / 3) + templateTokens;
}

/**
 * The sequence length in tokens. Batches are padded to their longest row only, so that a roomy length costs nothing; a
 * row that is longer still ends the training instead of being cut or dropped.
 */
export function sequenceLength(
  asked: number | undefined,
  { longestRow, maxPositions }: { longestRow: number; maxPositions: number },
): number {
  if (asked === undefined) {
    const power = 2 ** Math.ceil(Math.log2(longestTokens(longestRow)));
    return Math.min(maxPositions, Math.max(power, leastByDefault), mostByDefault);
  }
  if (asked <= maxPositions) return asked;
  throw new Failure(
    'SPEC_UNSUPPORTED',
    `training.sequenceLength ${asked} is more than the model's ${maxPositions} positions.`,
    {
      remedy: `Ask for ${maxPositions} at most, or take a model with a longer context.`,
      field: 'training.sequenceLength',
    },
  );
}
