import { join } from 'node:path';

/** The folder with what is said over gRPC: `anneal/runs/v1/runs.proto`, and what failures carry, below `google/rpc`. */
export const protoFolder = join(import.meta.dirname, '..', 'proto');
