import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '@anneal/contracts';
import { writePrivateFile } from './atomic-file.js';
import type { DataFolder } from './data-folder.js';
import { loopback, type Ports } from './ports.js';
import { sendS3Request, type S3Login } from './s3-request.js';
import type { ServerProgram } from './supervised-server.js';

export interface S3ServerOptions {
  readonly binary: string;
  readonly folder: DataFolder;
  readonly ports: Ports;
  readonly login: S3Login;
  readonly users: readonly (S3User & S3Keys)[];
  readonly bucket: string;
  readonly throwaway: boolean;
}

type S3Keys = Pick<S3Login, 'accessKey' | 'secretKey'>;

/** A user of the store, whose name is its access key. */
export interface S3User {
  readonly name: string;
  /** A policy document of S3; what it does not allow is refused. */
  readonly policy: object;
}

const userName = /^[A-Za-z][A-Za-z0-9_-]*$/;

/** Throws CONFIG_INVALID for a user that cannot be told from another one. */
export function checkS3Users(users: readonly S3User[]): void {
  const names = users.map(({ name }) => name);
  const wrong = names.find((name, index) => !userName.test(name) || names.indexOf(name) !== index);
  if (wrong === undefined) return;
  throw new Failure(
    'CONFIG_INVALID',
    `The S3 user name "${wrong}" is used twice or has characters that are not allowed.`,
    {
      remedy: 'Use letters, digits, "-" and "_", and every name once.',
    },
  );
}

const probeKey = '.ready';

/** Writes the credentials file of the S3 server, and says how to run SeaweedFS: master, volume, filer and S3 in one. */
export function s3Program(options: S3ServerOptions): ServerProgram {
  const { binary, folder, ports, login, bucket, throwaway } = options;
  writePrivateFile(join(folder.run, 's3.json'), renderIdentities(options));
  return {
    name: 's3',
    command: [binary, '-logtostderr=true', '-v=0', 'server', ...weedArguments(ports)],
    executable: binary,
    environment: {
      PATH: process.env.PATH ?? '',
      HOME: folder.root,
      // Else a bucket takes seven volumes at once, and the ninth bucket is refused.
      WEED_MASTER_VOLUME_GROWTH_COPY_1: '1',
      // After large transfers 150 MB instead of 725 MB stay in use.
      GOMEMLIMIT: '256MiB',
    },
    // All paths are relative: a socket's path has a length limit, and a comma in -dir separates folders.
    workingFolder: folder.root,
    // It does not end on SIGTERM within 30 s, but stops taking requests; nothing was ever lost by the kill after it.
    stopSignal: throwaway ? 'SIGKILL' : 'SIGTERM',
    stopGraceMs: 1_500,
    isReady: () => storesObjects(login, bucket),
    // After a full disk its volumes stay closed to writing, although there is room again, until it is started anew.
    unwellLimitMs: 20_000,
    cleanUp: () => removeSockets(ports),
  };
}

function weedArguments(ports: Ports): string[] {
  return [
    '-dir=s3',
    `-ip=${loopback}`,
    `-ip.bind=${loopback}`,
    `-master.port=${ports.s3Master}`,
    `-master.port.grpc=${ports.s3MasterGrpc}`,
    // Without it every restart waits 8 to 22 s for an election.
    '-master.peers=none',
    '-master.telemetry=false',
    '-master.volumeSizeLimitMB=1024',
    '-master.vacuumIntervalSeconds=120',
    `-volume.port=${ports.s3Volume}`,
    `-volume.port.grpc=${ports.s3VolumeGrpc}`,
    '-volume.max=0',
    '-volume.preStopSeconds=0',
    '-filer',
    `-filer.port=${ports.s3Filer}`,
    `-filer.port.grpc=${ports.s3FilerGrpc}`,
    // The filer's HTTP port reads and deletes objects without any credentials.
    '-filer.disableHttp',
    '-filer.localSocket=run/filer.sock',
    '-s3',
    `-s3.port=${ports.s3}`,
    `-s3.port.grpc=${ports.s3Grpc}`,
    '-s3.localSocket=run/s3.sock',
    '-s3.port.iceberg=0',
    '-s3.port.lance=0',
    '-s3.config=run/s3.json',
  ];
}

function renderIdentities({ login, users }: S3ServerOptions): string {
  const credentials = ({ accessKey, secretKey }: S3Keys): S3Keys[] => [{ accessKey, secretKey }];
  const admin = {
    name: 'anneal',
    credentials: credentials(login),
    actions: ['Admin', 'Read', 'Write', 'List', 'Tagging'],
  };
  const limited = users.map((user) => ({
    name: user.name,
    credentials: credentials(user),
    policyNames: [user.name],
  }));
  const policies = users.map(({ name, policy }) => ({ name, content: JSON.stringify(policy) }));
  return JSON.stringify({ identities: [admin, ...limited], policies });
}

async function storesObjects(login: S3Login, bucket: string): Promise<boolean> {
  // The first PUT after a start, or into a new bucket, may answer 500: only one that succeeded counts.
  await send(login, 'PUT', `/${bucket}`);
  if (!(await send(login, 'PUT', `/${bucket}/${probeKey}`, 'ready'))) return false;
  await send(login, 'DELETE', `/${bucket}/${probeKey}`);
  return true;
}

async function send(login: S3Login, method: string, path: string, body?: string): Promise<boolean> {
  const answer = await sendS3Request(login, method, path, body);
  await answer.body?.cancel();
  return answer.ok;
}

function removeSockets(ports: Ports): void {
  // SeaweedFS puts a socket for each gRPC port into this folder, whatever TMPDIR says, and leaves it there.
  const grpcPorts = {
    master: ports.s3MasterGrpc,
    volume: ports.s3VolumeGrpc,
    filer: ports.s3FilerGrpc,
    s3: ports.s3Grpc,
  };
  for (const [part, port] of Object.entries(grpcPorts)) {
    rmSync(`/tmp/seaweedfs-${part}-grpc-${port}.sock`, { force: true });
  }
}
