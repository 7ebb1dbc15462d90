import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { engineVersions } from './engine-versions.js';

const folder = mkdtempSync(join(tmpdir(), 'anneal-versions-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('reads the versions that decide on answers, and none where there is no environment', async () => {
  for (const record of [
    'torch-2.12.0+cu130.dist-info',
    'transformers-5.20.1.dist-info',
    'numpy-2.0.0.dist-info',
    'torch',
  ])
    mkdirSync(join(folder, 'lib', 'python3.12', 'site-packages', record), { recursive: true });
  expect(await engineVersions({ python: join(folder, 'bin', 'python') })).toEqual({
    torch: '2.12.0+cu130',
    transformers: '5.20.1',
  });
  expect(await engineVersions({ python: '/nowhere/bin/python' })).toEqual({});
});
