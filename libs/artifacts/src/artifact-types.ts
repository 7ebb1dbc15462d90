import { artifactRef, type ManifestFile } from '@anneal/contracts';
import { z } from 'zod';

/** Where the store is and with which keys it is used. */
export interface StoreOptions {
  /** For example `https://s3.example.com` or `http://127.0.0.1:8333`. */
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly bucket: string;
  readonly region: string;
  /** The address by which those know the store who are given links; the endpoint when left out. */
  readonly publicEndpoint?: string | undefined;
}

/** A link to the bytes of a file, for whoever has it and as long as it lasts. */
export interface FileLink {
  readonly url: string;
  readonly expiresAt: string;
  readonly file: ManifestFile;
}

/** Links by which somebody without a key of the store may send the parts of one file, as long as they last. */
export interface UploadLoan {
  readonly uploadId: string;
  /** Size of every part but the last. */
  readonly partBytes: number;
  /** One for each part, in their order; to be PUT, and the ETags of the answers are told to `finishUpload`. */
  readonly urls: readonly string[];
}

export interface PutOptions {
  /** Takes the path inside the directory; what it answers false to is left out. */
  readonly include?: (path: string) => boolean;
  readonly signal?: AbortSignal;
  /** Bytes that are in the store (sent now or there before), of all. */
  readonly onBytes?: (sent: number, total: number) => void;
}

export interface GetOptions {
  readonly signal?: AbortSignal;
  /** Bytes that are on the disk and verified, of all. */
  readonly onBytes?: (received: number, total: number) => void;
}

/** A file to store: its path in the artifact, and a local file or the bytes themselves. */
export interface SourceFile {
  readonly path: string;
  readonly source: string | Uint8Array;
}

/** The same forms as in `registry:NAME[:TAG]` of a RunSpec. */
export const registryName = z
  .string()
  .max(200)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'a registry name has small letters, digits, ".", "_" and "-"');
export const registryTag = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a tag has letters, digits, ".", "_" and "-"');

/** A published model of the registry. */
export const registryEntry = z.object({
  name: registryName,
  tag: registryTag,
  artifact: artifactRef,
  runId: z.string().min(1),
  publishedAt: z.iso.datetime(),
  details: z.record(z.string(), z.unknown()),
});
export type RegistryEntry = z.infer<typeof registryEntry>;
