import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ArtifactStore } from '@anneal/artifacts';
import { Failure, type ArtifactRef } from '@anneal/contracts';
import { dataFile } from '../readers/file.format.js';
import { stagedFile } from './file.source.js';
import type { SourceField, SourceFile, StagedSource } from './source.js';

interface ArtifactOptions {
  field: SourceField;
  directory: string;
  signal: AbortSignal;
  store: ArtifactStore;
}

/** Fetches the files of rows of a stored artifact, in the order of their paths. What else is in it stays there. */
export async function artifactSource(
  reference: string,
  { field, directory, signal, store }: ArtifactOptions,
): Promise<StagedSource> {
  const digest = reference.replace(/^artifact:/, '');
  // Enough of the digest to know it again; whole, it would hide the file in a message.
  const name = `artifact:${digest.slice(0, 12)}`;
  const { ref, paths } = await lookUp(store, digest, { name, field });
  const files: SourceFile[] = [];
  for (const [index, path] of paths.entries()) {
    const target = join(directory, `source-${index}`);
    await pipeline(await store.openFile(ref, path, signal), createWriteStream(target), { signal });
    files.push(await stagedFile(target, `${name}/${path}`));
  }
  return { name, files };
}

async function lookUp(
  store: ArtifactStore,
  digest: string,
  { name, field }: { name: string; field: SourceField },
): Promise<{ ref: ArtifactRef; paths: string[] }> {
  const ref = await store.refOf(digest).catch((error: unknown) => {
    if (!(error instanceof Failure) || error.code !== 'ARTIFACT_MISSING') throw error;
    throw notFound(`The store has no ${name}`, field, error);
  });
  const { files } = await store.readManifest(ref);
  const paths = files.map(({ path }) => path).filter((path) => dataFile.test(path));
  if (paths.length === 0)
    throw notFound(`${name} is a ${ref.kind} without a .jsonl, .json, .csv or .parquet file`, field);
  return { ref, paths };
}

function notFound(what: string, field: SourceField, cause?: unknown): Failure {
  return new Failure('DATASET_NOT_FOUND', `${what}.`, {
    remedy: 'Store the file first, and name the digest of its manifest as artifact:DIGEST.',
    field,
    cause,
  });
}
