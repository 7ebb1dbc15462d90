// Real here: pip, uv and the index that this machine uses; then pip and uv without any. A small set stands for the engine.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseRunSpec } from '@anneal/contracts';
import {
  environmentFolder,
  fetchPackages,
  installEnvironment,
  SetupError,
  uvPackages,
  type PackageSet,
} from '@anneal/setup';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createBundle } from './create.bundle.js';
import { loadBundle } from './load.bundle.js';

const folder = mkdtempSync(join(tmpdir(), 'anneal-packages-'));
const requirements = join(folder, 'requirements.txt');
const bundle = join(folder, 'bundle.tar');
const purpose = {
  name: 'the small set',
  code: 'ENGINE_MISSING',
  diskBytes: 1e6,
  otherwise: 'another machine',
} as const;
const small: PackageSet = { purpose, requirements, environment: true };
const silent = (): void => undefined;
let unreachable: string | undefined;

/** One package that comes as a wheel, and one that has to be built. */
const lock = `addict==2.4.0 \\
    --hash=sha256:249bb56bbfd3cdc2a004ea0ff4c2b6ddc84d53bc2194761636eb314d5cfa5dfc \\
    --hash=sha256:b3b2210e0e067a281f5646c8c5db92e99b7231ea8b0eb5f74dbdf9e259d4e494
word2number==1.1 \\
    --hash=sha256:70e27a5d387f67b04c71fbb7621c05930b19bfd26efd6851e6e0f9969dcde7d0
`;

/** Still a wheel that could be installed, and another one. */
const addEntry = 'import sys, zipfile; zipfile.ZipFile(sys.argv[1], "a").writestr("more.py", "")';

beforeAll(async () => {
  writeFileSync(requirements, lock);
  const parsed = parseRunSpec({
    model: { base: 'file:/models/base' },
    dataset: { source: 'file:/data/rows.jsonl' },
    training: { method: 'lora' },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const sets = [uvPackages, small];
  await createBundle([parsed.spec], {
    output: bundle,
    hub: { endpoint: 'https://huggingface.co', token: undefined },
    python: 'python3',
    fetchPackages: (into) => fetchPackages({ sets, cache: join(folder, 'first'), into, log: silent }),
    signal: new AbortController().signal,
    say: silent,
  }).catch((error: unknown) => {
    if (!(error instanceof SetupError && error.code === 'SETUP_NETWORK')) throw error;
    unreachable = error.message;
  });
}, 400_000);
beforeEach(({ skip }) => {
  if (unreachable !== undefined) skip(unreachable);
  const nowhere = 'http://127.0.0.1:9/';
  for (const name of ['PIP_INDEX_URL', 'UV_DEFAULT_INDEX', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'])
    vi.stubEnv(name, nowhere);
  vi.stubEnv('PIP_RETRIES', '1');
  vi.stubEnv('UV_HTTP_RETRIES', '0');
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function loaded(name: string): Promise<string> {
  const cache = join(folder, name);
  const { packages } = await loadBundle(bundle, { workDir: join(folder, `${name}-work`), cache, say: silent });
  expect(packages).toBe(true);
  return cache;
}

async function install(cache: string): Promise<string> {
  const dir = environmentFolder({ cache, thing: 'small', requirements });
  await installEnvironment({ purpose, requirements, dir, log: silent });
  return dir;
}

describe('packages of a bundle', { timeout: 300_000 }, () => {
  it('are installed where there is no network, those that are built included', async () => {
    const dir = await install(await loaded('second'));
    const script = 'from addict import Dict; from word2number import w2n; print(Dict(n=w2n.word_to_num("two")).n)';
    expect(execFileSync(join(dir, 'bin', 'python'), ['-c', script], { encoding: 'utf8' })).toBe('2\n');
  });

  it('are needed there: without them the network is missed', async () => {
    await expect(install(join(folder, 'empty'))).rejects.toMatchObject({ code: 'SETUP_NETWORK' });
  });

  it('are held to the lock file of this machine, and what they are built with to that of the release', async () => {
    const cache = await loaded('third');
    await install(cache);
    for (const name of ['addict', 'setuptools']) {
      const other = join(folder, `with-another-${name}`);
      cpSync(join(cache, 'packages'), join(other, 'packages'), { recursive: true });
      for (const set of readdirSync(join(other, 'packages')))
        for (const file of readdirSync(join(other, 'packages', set)))
          if (file.startsWith(`${name}-`))
            execFileSync('python3', ['-c', addEntry, join(other, 'packages', set, file)]);
      await expect(install(other), name).rejects.toMatchObject({ message: expect.stringMatching(/hash/i) as string });
    }
  });

  it('stay unused by another lock file', async () => {
    const cache = await loaded('fourth');
    writeFileSync(requirements, `# newer\n${lock}`);
    await expect(install(cache)).rejects.toMatchObject({ code: 'SETUP_NETWORK' });
    writeFileSync(requirements, lock);
    expect(existsSync(await install(cache))).toBe(true);
  });
});
