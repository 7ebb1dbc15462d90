// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

export const Verdict = {
  VERDICT_UNSPECIFIED: 'VERDICT_UNSPECIFIED',
  VERDICT_IMPROVED: 'VERDICT_IMPROVED',
  VERDICT_REGRESSED: 'VERDICT_REGRESSED',
  VERDICT_INCONCLUSIVE: 'VERDICT_INCONCLUSIVE',
} as const;

export type Verdict =
  | 'VERDICT_UNSPECIFIED'
  | 0
  | 'VERDICT_IMPROVED'
  | 1
  | 'VERDICT_REGRESSED'
  | 2
  | 'VERDICT_INCONCLUSIVE'
  | 3

export type Verdict__Output = typeof Verdict[keyof typeof Verdict]
