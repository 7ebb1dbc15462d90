import { loadPackageDefinition, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoFolder } from '@anneal/contracts';
import type { ProtoGrpcType as DetailsPackage } from './generated/error_details.js';
import type { ProtoGrpcType as RunsPackage } from './generated/runs.js';
import type { ProtoGrpcType as StatusPackage } from './generated/status.js';

/** The .proto files of what is said here, and the folders that they are in. */
export const protocolFiles = {
  names: ['anneal/runs/v1/runs.proto', 'google/rpc/status.proto', 'google/rpc/error_details.proto'],
  folders: [protoFolder],
};

// The same choices as in generate.mjs, which writes the types.
const form = { longs: Number, enums: String, defaults: true, oneofs: true } as const;
const declared = loadSync(protocolFiles.names, { includeDirs: protocolFiles.folders, ...form });

// The loader knows no types; the generated ones come from the same files.
const loaded = loadPackageDefinition(declared) as unknown as RunsPackage & StatusPackage & DetailsPackage;

export const runsService = 'anneal.runs.v1.Runs';
export const { Runs, SubmitRequest } = loaded.anneal.runs.v1;
/** The calls as the server takes them: with messages unread, since without a key nobody makes this service parse anything. */
export const unreadRuns: ServiceDefinition = Object.fromEntries(
  Object.entries(Runs.service).map(([name, method]) => [name, { ...method, requestDeserialize: (bytes) => bytes }]),
);
export const { Status, ErrorInfo, BadRequest } = loaded.google.rpc;
