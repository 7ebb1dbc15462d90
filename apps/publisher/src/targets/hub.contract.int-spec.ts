import { createHash, randomBytes } from 'node:crypto';
import {
  commit,
  createRepo,
  deleteRepo,
  fileDownloadInfo,
  listCommits,
  listFiles,
  modelInfo,
  whoAmI,
} from '@huggingface/hub';
import { startHub } from '@anneal/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface HubUnderTest {
  hubUrl: string;
  accessToken: string;
  owner: string;
  stop: () => Promise<void>;
}

const real = process.env.HUB_CONTRACT_URL;
const hubs: [string, () => Promise<HubUnderTest>][] = [
  [
    'the small Hub',
    async () => {
      const hub = await startHub({ pageSize: 2 });
      return { hubUrl: hub.url, accessToken: 'hf_writer', owner: 'acme', stop: () => hub.stop() };
    },
  ],
  ...(real === undefined ? [] : ([[real, async () => realHub(real)]] as [string, () => Promise<HubUnderTest>][])),
];

function realHub(hubUrl: string): HubUnderTest {
  const { HUB_CONTRACT_OWNER: owner = '', HUB_CONTRACT_TOKEN: accessToken = '' } = process.env;
  return { hubUrl, accessToken, owner, stop: async () => undefined };
}

/** What publishing relies on. The small Hub is as good as a real one as long as both keep this. */
describe.each(hubs)('%s', (_name, start) => {
  let hub: HubUnderTest;
  let call: { hubUrl: string; accessToken: string; repo: { type: 'model'; name: string } };
  const weights = randomBytes(100_000);
  const config = Buffer.from('{"model_type":"llama"}\n');
  const digest = (algorithm: string, bytes: Buffer): string => createHash(algorithm).update(bytes).digest('hex');
  const parents: string[] = [];

  beforeAll(async () => {
    hub = await start();
    const name = `${hub.owner}/anneal-contract-${randomBytes(4).toString('hex')}`;
    call = { hubUrl: hub.hubUrl, accessToken: hub.accessToken, repo: { type: 'model', name } };
  });
  afterAll(async () => {
    await deleteRepo(call);
    await hub.stop();
  });

  const add = (title: string, parentCommit: string | undefined, path: string, content: Buffer) =>
    commit({
      ...call,
      title,
      useXet: false,
      operations: [{ operation: 'addOrUpdate', path, content: new Blob([new Uint8Array(content)]) }],
      ...(parentCommit === undefined ? {} : { parentCommit }),
    });
  const history = async (): Promise<{ oid: string; title: string }[]> => {
    const commits = [];
    for await (const { oid, title } of listCommits(call)) commits.push({ oid, title });
    return commits;
  };

  it('knows the token', async () => {
    expect(await whoAmI(call)).toMatchObject({ name: expect.any(String) as string });
    await expect(whoAmI({ ...call, accessToken: 'hf_wrong' })).rejects.toMatchObject({ statusCode: 401 });
  });

  it('makes a repository once, private if wanted, and with a first commit', async () => {
    await expect(modelInfo({ ...call, name: call.repo.name })).rejects.toMatchObject({ statusCode: 404 });
    await createRepo({ ...call, visibility: 'private' });
    await expect(createRepo({ ...call, visibility: 'private' })).rejects.toMatchObject({ statusCode: 409 });
    expect(await modelInfo({ ...call, name: call.repo.name })).toMatchObject({ private: true });
    parents.push((await history())[0]?.oid ?? '');
    expect(parents[0]).toMatch(/^[0-9a-f]{40}$/);
  });

  it('commits onto the newest commit only', async () => {
    const first = await add('the weights', parents[0], 'model.safetensors', weights);
    await expect(add('too late', parents[0], 'config.json', config)).rejects.toMatchObject({ statusCode: 412 });
    const second = await add('the config', first?.commit.oid, 'config.json', config);
    expect((await history()).slice(0, 2)).toEqual([
      { oid: second?.commit.oid, title: 'the config' },
      { oid: first?.commit.oid, title: 'the weights' },
    ]);
  });

  it('tells digests of the files that are there', async () => {
    const files = new Map<string, { size: number; oid?: string; lfs?: { oid: string } }>();
    for await (const file of listFiles({ ...call, recursive: true })) files.set(file.path, file);
    expect(files.get('model.safetensors')).toMatchObject({
      size: weights.length,
      lfs: { oid: digest('sha256', weights) },
    });
    const blob = Buffer.concat([Buffer.from(`blob ${config.length}\0`), config]);
    expect(files.get('config.json')).toMatchObject({ size: config.length, oid: digest('sha1', blob) });
    expect(files.get('config.json')).not.toHaveProperty('lfs');
  });

  it('delivers them', async () => {
    for (const [path, bytes] of [
      ['model.safetensors', weights],
      ['config.json', config],
    ] as const) {
      const found = await fileDownloadInfo({ ...call, path });
      expect(found?.size).toBe(bytes.length);
      const answer = await fetch(found?.url ?? '', { headers: { authorization: `Bearer ${call.accessToken}` } });
      expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
    }
    expect(await fileDownloadInfo({ ...call, path: 'nothing.json' })).toBeNull();
  });
});
