import type { ServiceName } from '@anneal/contracts';

/** What a user of a store may do, in the language of S3 policies: everything else is refused. */
export interface StorePolicy {
  readonly Version: '2012-10-17';
  readonly Statement: readonly StoreStatement[];
}

export interface StoreStatement {
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

/** Buckets as an operator named them. */
export interface StoreBuckets {
  /** Of the artifacts. */
  readonly own: string;
  /** What `s3:` sources may name; read by the dataset service alone. */
  readonly data?: readonly string[];
}

/** A part of an artifact is sent under the right to write the whole, and only giving one up has a right of its own. */
const write = ['s3:PutObject', 's3:AbortMultipartUpload'];

/** Whose work may run in pods, which are told by notes what to do. */
const withPods: readonly ServiceName[] = ['trainer', 'merger', 'evaluator'];

/**
 * What a service does in the store. Each reads artifacts and adds its own; none lists other buckets, or makes one. The trainer
 * alone takes artifacts away, its old checkpoints, and the publisher alone writes the registry.
 */
export function storePolicyOf(service: ServiceName, { own, data = [] }: StoreBuckets): StorePolicy {
  const objects = (...prefixes: string[]): string[] => prefixes.map((prefix) => `arn:aws:s3:::${own}/${prefix}/*`);
  const artifacts = objects('sha256', 'manifests');
  return {
    Version: '2012-10-17',
    Statement: [
      // Without it a store answers that a missing object is forbidden, where the code asks whether it is there.
      allow(['s3:ListBucket'], [`arn:aws:s3:::${own}`]),
      allow(['s3:GetObject', ...write], artifacts),
      allow(['s3:PutObject', 's3:DeleteObject'], objects('probe')),
      // Whoever stores the same bytes as what is being removed waits for that.
      allow(['s3:GetObject'], objects('removals')),
      allow(['s3:GetObject'], objects('registry')),
      ...(service === 'publisher' ? [allow(['s3:PutObject'], objects('registry'))] : []),
      ...(service === 'trainer' ? removalOf(objects) : []),
      ...(withPods.includes(service)
        ? [allow(['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], objects('notes'))]
        : []),
      ...(service === 'dataset' && data.length > 0 ? readOf(data) : []),
    ],
  };
}

function removalOf(objects: (...prefixes: string[]) => string[]): StoreStatement[] {
  return [
    allow(['s3:DeleteObject'], objects('sha256', 'manifests', 'removals')),
    allow(['s3:PutObject'], objects('removals')),
  ];
}

function readOf(buckets: readonly string[]): StoreStatement[] {
  return [
    allow(
      ['s3:ListBucket'],
      buckets.map((bucket) => `arn:aws:s3:::${bucket}`),
    ),
    allow(
      ['s3:GetObject'],
      buckets.map((bucket) => `arn:aws:s3:::${bucket}/*`),
    ),
  ];
}

function allow(actions: readonly string[], resources: readonly string[]): StoreStatement {
  return { Effect: 'Allow', Action: actions, Resource: resources };
}
