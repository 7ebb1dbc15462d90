export { ArtifactStore, connectStore } from './artifact-store.js';
export { ArtifactCache } from './artifact-cache.js';
export { connectBuckets, type BucketObject, type DataBuckets } from './data-buckets.js';
export { resolveFileReference } from './local-files.js';
export { storePolicyOf, type StoreBuckets, type StorePolicy } from './store-policy.js';
export type {
  FileLink,
  GetOptions,
  PutOptions,
  RegistryEntry,
  SourceFile,
  StoreOptions,
  UploadLoan,
} from './artifact-types.js';
