/** What is done in pods. Each kind has Jobs of its own, which the others leave alone. */
export type ClusterWork = 'training' | 'merge' | 'evaluation';

/** Names of the container that does it; with them begin those of Jobs. */
export const containerNames: Readonly<Record<ClusterWork, string>> = {
  training: 'train',
  merge: 'merge',
  evaluation: 'eval',
};

/** Value of the label app.kubernetes.io/name, by which network policies choose pods, too. */
export function nameLabelOf(work: ClusterWork): string {
  return `anneal-${work}`;
}
