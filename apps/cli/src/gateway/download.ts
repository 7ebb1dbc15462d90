import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Failure, type ArtifactLink, type ArtifactOfRun } from '@anneal/contracts';
import type { GatewayClient } from './gateway.client.js';

export interface DownloadedFile {
  readonly path: string;
  readonly size: number;
  /** It was there already, with the right bytes. */
  readonly kept: boolean;
}

/** Fetches artifacts of a run into a folder, each below the names of its stage and its kind. Every file is verified. */
export async function downloadArtifacts(
  client: GatewayClient,
  runId: string,
  artifacts: readonly ArtifactOfRun[],
  directory: string,
  onFile: (file: DownloadedFile) => void,
): Promise<DownloadedFile[]> {
  const done: DownloadedFile[] = [];
  // The publisher puts out what the merger stored: the same bytes are fetched once, under the first stage's name.
  const distinct = artifacts.filter(({ digest }, at) => artifacts.findIndex((other) => other.digest === digest) === at);
  for (const { stage, kind, digest } of distinct) {
    for (const { path, sha256, size } of await client.filesOf(runId, digest)) {
      const target = join(directory, stage, kind, path);
      const kept = (await digestOf(target)) === sha256;
      if (!kept) await fetchFile(await client.linkTo(runId, digest, path), target);
      const file = { path: target, size, kept };
      done.push(file);
      onFile(file);
    }
  }
  return done;
}

/** The file appears under its name only when it is whole and right. */
async function fetchFile({ url, file }: ArtifactLink, target: string): Promise<void> {
  const partial = `${target}.partial`;
  await mkdir(dirname(target), { recursive: true });
  const answer = await fetch(url).catch((cause: unknown) => {
    throw unreachable(new URL(url).origin, cause);
  });
  if (!answer.ok || !answer.body) {
    throw new Failure('STORE_UNAVAILABLE', `The object store answered ${answer.status} to the link of ${file.path}.`, {
      remedy: 'Try again; if it stays, check that S3_PUBLIC_ENDPOINT of the gateway is the address that clients reach.',
    });
  }
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      hash.update(chunk);
      next(null, chunk);
    },
  });
  try {
    await pipeline(Readable.fromWeb(answer.body), hashing, createWriteStream(partial));
    if (hash.digest('hex') !== file.sha256) throw corrupt(file.path);
    await rename(partial, target);
  } finally {
    await rm(partial, { force: true });
  }
}

async function digestOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
    return hash.digest('hex');
  } catch {
    return undefined;
  }
}

function unreachable(origin: string, cause: unknown): Failure {
  return new Failure('STORE_UNAVAILABLE', `The object store does not answer at ${origin}.`, {
    remedy: 'Set S3_PUBLIC_ENDPOINT of the gateway to the address by which clients reach the store.',
    cause,
  });
}

function corrupt(path: string): Failure {
  return new Failure('ARTIFACT_CORRUPT', `The bytes of ${path} are not those that were stored.`, {
    remedy: 'Try again; the store or the way to it changed them.',
    file: path,
  });
}
