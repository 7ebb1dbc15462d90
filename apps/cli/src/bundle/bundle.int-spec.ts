import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acceptRunSpec, parseRunSpec, type RunSpec } from '@anneal/contracts';
import { SourceCache, stageSource } from '@anneal/datasets';
import { findFetchedModel } from '@anneal/engine';
import { benchmarkTexts } from '@anneal/evaluation';
import { makeStandInEngine, startHub, type SmallHub } from '@anneal/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBundle, type CreatedBundle } from './create.bundle.js';
import { loadBundle } from './load.bundle.js';
import type { BundleManifest } from './bundle.manifest.js';
import { packTar } from './tar.js';

let folder: string;
let hub: SmallHub;
let python: string;
let cache: string;
let made = 0;
const silent = (): void => undefined;

const question = { question_id: 1, question: 'What is 2?', options: ['1', '2', '3'], answer: 'B', category: 'math' };
const spec = specOf({
  model: { base: 'acme/small' },
  dataset: { source: 'acme/rows', heldOutFrom: 'file:/data/held-out.jsonl' },
  training: { method: 'lora' },
  evaluation: { benchmarks: [{ name: 'mmlu-pro', source: 'acme/benchmark' }] },
});

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-bundle-'));
  cache = join(folder, 'cache');
  hub = await startHub();
  const { model } = await makeStandInEngine(join(folder, 'engine'));
  hub.create('acme/small').commit('weights', { put: { 'config.json': '{}' } });
  hub.create('acme/rows', { type: 'dataset' }).commit('rows', {
    put: { 'train.jsonl': '{"question":"1+1?","answer":"2"}\n' },
  });
  hub.create('acme/benchmark', { type: 'dataset' }).commit('questions', {
    put: {
      'test.jsonl': `${JSON.stringify(question)}\n`,
      'validation.jsonl': `${JSON.stringify({ ...question, question_id: 2, cot_content: 'B' })}\n`,
    },
  });
  python = join(folder, 'python');
  // In the place of anneal_engine.fetch_model.
  const copy = `for word in "$@"; do case $word in --directory=*) cp '${model}'/* "\${word#*=}";; esac; done`;
  writeFileSync(python, `#!/bin/sh\necho x >> '${folder}/fetched'\n${copy}\n`);
  chmodSync(python, 0o755);
});

afterAll(async () => {
  await hub.stop();
  rmSync(folder, { recursive: true, force: true });
});

function specOf(value: unknown): RunSpec {
  const parsed = parseRunSpec(value);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.spec;
}

function create(output: string, change: Partial<RunSpec> = {}): Promise<CreatedBundle> {
  const { signal } = new AbortController();
  const access = { endpoint: hub.url, token: undefined };
  return createBundle([{ ...spec, ...change }], { output, hub: access, python, signal, say: silent });
}

function place(name: string): string {
  return join(folder, `${(made += 1)}-${name}`);
}

const fetches = (): number => readFileSync(join(folder, 'fetched'), 'utf8').split('\n').length - 1;

describe.each(['bundle', 'bundle.tar'])('a %s', (name) => {
  it('brings what a run needs to where the services look for it, and says what it does not carry', async () => {
    const bundle = place(name);
    const created = await create(bundle);
    expect(created).toMatchObject({
      carried: ['acme/small (main)', 'acme/rows (train, main)', 'acme/benchmark (main)'],
      left: ['file:/data/held-out.jsonl (train, main)'],
    });
    expect(existsSync(`${bundle}.parts`)).toBe(false);
    const workDir = place('work');
    expect(await loadBundle(bundle, { workDir, cache, say: silent })).toMatchObject({
      ...{ workDir, hub: hub.url, files: created.files, bytes: created.bytes, differences: [] },
    });
    expect(readdirSync(join(workDir, 'sources', 'used')).toSorted()).toEqual(
      readdirSync(join(workDir, 'sources', 'content')).toSorted(),
    );
    const asked = hub.requests.length;
    const offline = {
      ...{ fileRoots: [], hub: { endpoint: hub.url, token: undefined }, offline: true },
      cache: new SourceCache(join(workDir, 'sources'), Number.MAX_SAFE_INTEGER),
    };
    const { signal } = new AbortController();
    const accepted = acceptRunSpec(spec, 'run');
    const staged = await stageSource(accepted.dataset, {
      ...{ field: 'dataset.source', directory: place('source'), signal, reach: offline },
    });
    expect(readFileSync(staged.files[0]?.path ?? '', 'utf8')).toContain('1+1?');
    const { texts, unchecked } = await benchmarkTexts(accepted, {
      ...{ reach: offline, directory: place('benchmarks'), signal },
    });
    expect(unchecked).toEqual([]);
    expect(texts).toMatchObject([{ text: 'What is 2?' }]);
    const model = await findFetchedModel(workDir, 'acme/small', 'main');
    expect(readFileSync(join(model?.directory ?? '', 'config.json'), 'utf8')).toContain('LlamaForCausalLM');
    expect(hub.requests).toHaveLength(asked);
    // Loaded again, it is what it was.
    await loadBundle(bundle, { workDir, cache, say: silent });
  });

  it('goes on where making it was interrupted', async () => {
    const bundle = place(name);
    await expect(create(bundle, { evaluation: missingBenchmark })).rejects.toMatchObject({ code: 'DATASET_NOT_FOUND' });
    const before = fetches();
    await expect(
      loadBundle(name.endsWith('.tar') ? `${bundle}.parts` : bundle, { workDir: place('work'), cache, say: silent }),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/interrupted/) as string,
    });
    await create(bundle);
    expect(fetches()).toBe(before);
  });
});

const missingBenchmark = specOf({
  ...spec,
  evaluation: { benchmarks: [{ name: 'mmlu-pro', source: 'acme/none' }] },
}).evaluation;

describe('a bundle that is not whole, or not what it seems', () => {
  let bundle: string;
  let workDir: string;
  beforeEach(async () => {
    bundle = place('bundle');
    workDir = place('work');
    await create(bundle);
  });

  const manifest = (): BundleManifest =>
    JSON.parse(readFileSync(join(bundle, 'manifest.json'), 'utf8')) as BundleManifest;
  const rewrite = (change: object): void =>
    writeFileSync(join(bundle, 'manifest.json'), JSON.stringify({ ...manifest(), ...change }));
  const largest = (): string => manifest().files.toSorted((a, b) => b.size - a.size)[0]?.path ?? '';
  const first = () => {
    const [file] = manifest().files;
    if (!file) throw new Error('the bundle is empty');
    return file;
  };

  async function refused(code: string, message: RegExp, from = bundle): Promise<void> {
    const expected = { code, message: expect.stringMatching(message) as string };
    await expect(loadBundle(from, { workDir, cache, say: silent })).rejects.toMatchObject(expected);
    expect(existsSync(join(workDir, 'sources'))).toBe(false);
    expect(existsSync(join(workDir, 'models'))).toBe(false);
  }

  it.each([
    '../outside',
    '/etc/passwd',
    'models/../../outside',
    'sources/content/x',
    'other/file',
    'models/a//b',
    'models\\a\\b',
    'packages/a.whl',
    'packages/0123456789ab/../a.whl',
    'packages/0123456789ab/.pth',
    'packages/0123456789ab/more/a.whl',
  ])('is refused for the path %s', async (path) => {
    rewrite({ files: [{ ...first(), path }] });
    await refused('ARTIFACT_CORRUPT', /leads out of the bundle/);
  });

  it('is refused for content under the name of another one', async () => {
    const content = manifest().files.find(({ path }) => path.startsWith('sources/content/'));
    rewrite({ files: [{ ...content, path: `sources/content/${'a'.repeat(64)}` }] });
    await refused('ARTIFACT_CORRUPT', /another digest/);
  });

  it('is refused for a file that is a link', async () => {
    const path = largest();
    rmSync(join(bundle, path));
    symlinkSync('/etc/hostname', join(bundle, path));
    await refused('ARTIFACT_CORRUPT', /is a link/);
  });

  it('is refused for a folder that leads elsewhere', async () => {
    const elsewhere = place('elsewhere');
    mkdirSync(elsewhere);
    const { path } = first();
    writeFileSync(join(elsewhere, path.split('/').at(-1) ?? ''), readFileSync(join(bundle, path)));
    rmSync(join(bundle, path, '..'), { recursive: true });
    symlinkSync(elsewhere, join(bundle, path, '..'));
    await refused('ARTIFACT_CORRUPT', /is a link/);
  });

  it('is refused for a file that is cut short, changed or gone', async () => {
    const path = largest();
    const bytes = readFileSync(join(bundle, path));
    chmodSync(join(bundle, path), 0o644);
    truncateSync(join(bundle, path), bytes.length - 1);
    await refused('ARTIFACT_CORRUPT', /bytes, and not/);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    writeFileSync(join(bundle, path), bytes);
    await refused('ARTIFACT_CORRUPT', /another digest/);
    rmSync(join(bundle, path));
    await refused('ARTIFACT_CORRUPT', /is missing/);
  });

  it('is refused for a version that this release does not know, and for what is no bundle', async () => {
    rewrite({ version: 1 });
    await refused('CONFIG_INVALID', /has the version 1/);
    writeFileSync(join(bundle, 'manifest.json'), '{"format":"other"}');
    await refused('ARTIFACT_CORRUPT', /none of a bundle/);
    writeFileSync(join(bundle, 'manifest.json'), 'no JSON');
    await refused('ARTIFACT_CORRUPT', /no JSON/);
    await refused('CONFIG_INVALID', /no bundle/, join(folder, 'nowhere'));
  });

  it('is refused as an archive that ends early, is damaged, or holds what its manifest does not name', async () => {
    const archive = place('whole.tar');
    await create(archive);
    const bytes = readFileSync(archive);
    for (const length of [100, 700, Math.floor(bytes.length / 2), bytes.length - 1024]) {
      writeFileSync(archive, bytes.subarray(0, length));
      await refused('ARTIFACT_CORRUPT', /ends in the middle|no manifest|does not begin/, archive);
    }
    const damaged = Buffer.from(bytes);
    damaged[3] = 120;
    writeFileSync(archive, damaged);
    await refused('ARTIFACT_CORRUPT', /damaged/, archive);
    const more = manifest().files.map(({ path }) => path);
    rewrite({ files: manifest().files.slice(1) });
    await packTar(archive, bundle, ['manifest.json', ...more]);
    await refused('ARTIFACT_CORRUPT', /does not name/, archive);
  });

  it('is loaded where the engine has other packages, and says which', async () => {
    const { engine } = manifest();
    rewrite({ engine: { ...engine, torch: '0.0.1' } });
    const { differences } = await loadBundle(bundle, { workDir, cache, say: silent });
    expect(differences).toEqual([{ name: 'torch', there: '0.0.1', here: engine['torch'] }]);
  });
});
