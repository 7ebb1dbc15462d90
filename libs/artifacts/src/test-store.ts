import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoreOptions } from './artifact-types.js';

export async function startTestStore(): Promise<{ options: StoreOptions; stop(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'anneal-s3-'));
  const p: number[] = [];
  for (let i = 0; i < 8; i += 1) p.push(await freePort());
  await writeFile(
    join(dir, 's3.json'),
    JSON.stringify({
      identities: [
        {
          name: 'a',
          credentials: [{ accessKey: 'key', secretKey: 'secretsecret' }],
          actions: ['Admin', 'Read', 'Write', 'List', 'Tagging'],
        },
      ],
    }),
  );
  const args = [
    '-logtostderr=true',
    'server',
    `-dir=${dir}`,
    '-ip=127.0.0.1',
    '-ip.bind=127.0.0.1',
    `-master.port=${p[0]}`,
    `-master.port.grpc=${p[1]}`,
    '-master.peers=none',
    '-master.telemetry=false',
    '-master.volumeSizeLimitMB=1024',
    '-master.vacuumIntervalSeconds=120',
    `-volume.port=${p[2]}`,
    `-volume.port.grpc=${p[3]}`,
    '-volume.max=0',
    '-volume.preStopSeconds=0',
    '-filer',
    `-filer.port=${p[4]}`,
    `-filer.port.grpc=${p[5]}`,
    '-filer.disableHttp',
    `-filer.localSocket=${dir}/f.sock`,
    '-s3',
    `-s3.port=${p[6]}`,
    `-s3.port.grpc=${p[7]}`,
    `-s3.localSocket=${dir}/s.sock`,
    '-s3.port.iceberg=0',
    '-s3.port.lance=0',
    `-s3.config=${dir}/s3.json`,
  ];
  const child = spawn('/tmp/seaweed/pkg/bin/weed', args, {
    stdio: 'ignore',
    env: { ...process.env, WEED_MASTER_VOLUME_GROWTH_COPY_1: '1', GOMEMLIMIT: '256MiB' },
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    options: {
      endpoint: `http://127.0.0.1:${p[6]}`,
      accessKey: 'key',
      secretKey: 'secretsecret',
      bucket: 'anneal',
      region: 'us-east-1',
    },
    stop: async () => {
      child.kill('SIGKILL');
      await gone;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
