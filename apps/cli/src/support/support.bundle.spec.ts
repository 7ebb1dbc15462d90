import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeSupportBundle, type BundleSources } from './support.bundle.js';

let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-support-'));
  await mkdir(join(folder, 'data', 'log'), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const canary = (name: string): string => `canary-${name}-8f3c`;
const hex = 'c0ffee00'.repeat(6);
const apiKey = `ann_abcdefghijkl_${'x'.repeat(42)}Q`;
const secrets = [
  ...['hf', 'nats', 'postgres', 'store', 'plain', 'quoted', 'bearer', 'header', 'other', 'user', 'access-key'].map(
    canary,
  ),
  ...[hex, apiKey, 'hf_ABCDEFGHIJKLMNOPQRST', 'MIIEcanary'],
];

const away = () => Promise.reject(new Error(`nobody at postgres://trainer:${canary('other')}@db/x`));
const sources = (more: Partial<BundleSources> = {}): BundleSources => ({
  environment: {
    HF_TOKEN: canary('hf'),
    ANNEAL_DATA: '/somewhere',
    HTTPS_PROXY: `http://me:${canary('user')}@proxy:3128`,
    SHELL_HISTORY: 'of no use',
  },
  dataFolder: join(folder, 'data'),
  endpoints: async () => ({
    http: 'http://127.0.0.1:8080',
    grpc: '127.0.0.1:50051',
    nats: `nats://admin:${canary('nats')}@127.0.0.1:4222`,
    s3: `http://${canary('access-key')}:${canary('store')}@127.0.0.1:8333/anneal`,
    postgres: `postgres://anneal:${canary('postgres')}@127.0.0.1:5432/anneal`,
    apiKey: 'short-api-key-plain',
  }),
  findings: async () => [{ name: 'engine', state: 'broken', message: `HF_TOKEN=${canary('plain')}`, remedy: 'None.' }],
  system: away,
  runs: away,
  ...more,
});

const bundled = (): string => {
  const files = readdirSync(join(folder, 'out'));
  return files.map((file) => readFileSync(join(folder, 'out', file), 'utf8')).join('\n');
};

it('has no secret in it, wherever one stood and whatever it looked like', async () => {
  const log = [
    JSON.stringify({
      msg: 'connected',
      token: canary('quoted'),
      nested: { authorization: `Bearer ${canary('bearer')}` },
    }),
    `a header authorization: Bearer ${canary('header')}, and the password of trainer is ${canary('postgres')}`,
    `${hex} ${apiKey} hf_ABCDEFGHIJKLMNOPQRST`,
    `the store refused ${canary('access-key')}`,
    '-----BEGIN RSA PRIVATE KEY-----\nMIIEcanary\n-----END RSA PRIVATE KEY-----',
  ];
  await writeFile(join(folder, 'data', 'log', 'services.log'), log.join('\n'));
  await writeSupportBundle(join(folder, 'out'), sources());
  const text = bundled();
  for (const secret of [...secrets, 'short-api-key-plain']) expect(text).not.toContain(secret);
});

it('has what helps: findings, addresses, settings, the log, and why something is not there', async () => {
  await writeFile(join(folder, 'data', 'log', 'services.log'), '{"msg":"anneal is ready"}\n');
  const files = await writeSupportBundle(join(folder, 'out'), sources());
  expect(readdirSync(join(folder, 'out')).toSorted()).toEqual(files.toSorted());
  const text = bundled();
  for (const told of [
    '"engine"',
    '127.0.0.1:4222',
    '"/somewhere"',
    '{"msg":"anneal is ready"}',
    '"unavailable": "nobody at ',
  ])
    expect(text).toContain(told);
  expect(text).not.toContain('of no use');
});

it('keeps the end of a long log, from the beginning of a line', async () => {
  const line = `${JSON.stringify({ msg: 'x'.repeat(990) })}\n`;
  await writeFile(join(folder, 'data', 'log', 'services.log'), `${line.repeat(6_000)}{"msg":"the last"}\n`);
  await writeSupportBundle(join(folder, 'out'), sources());
  const log = readFileSync(join(folder, 'out', 'services.log'), 'utf8');
  expect(log.length).toBeLessThan(5_000_001);
  expect([log.slice(0, 8), log.trimEnd().split('\n').at(-1)]).toEqual(['{"msg":"', '{"msg":"the last"}']);
});

it('has what was put aside just before, with a log that has just begun', async () => {
  const line = `${JSON.stringify({ msg: 'x'.repeat(990) })}\n`;
  await writeFile(join(folder, 'data', 'log', 'services.log.1'), `${line.repeat(6_000)}{"msg":"it broke"}\n`);
  await writeFile(join(folder, 'data', 'log', 'services.log'), '{"msg":"the last"}\n');
  await writeSupportBundle(join(folder, 'out'), sources());
  const log = readFileSync(join(folder, 'out', 'services.log'), 'utf8');
  expect(log.length).toBeLessThan(5_000_001);
  expect(log.slice(0, 8)).toBe('{"msg":"');
  expect(log.trimEnd().split('\n').slice(-2)).toEqual(['{"msg":"it broke"}', '{"msg":"the last"}']);
});

it('is for its owner only, and overwrites nothing', async () => {
  await writeSupportBundle(join(folder, 'out'), sources());
  expect(statSync(join(folder, 'out')).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, 'out', 'doctor.json')).mode & 0o777).toBe(0o600);
  const again = writeSupportBundle(join(folder, 'out'), sources());
  await expect(again).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
