// Real here: the engine and lm-eval as they are installed on this machine, by the scripts that the image is made with.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { findEngine } from '@anneal/engine/install';
import { findLmEval } from '@anneal/engine/install-lm-eval';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { imageEnvironment, root } from './deployment.fixture.js';

const engine = findEngine();
const lmEval = findLmEval();
const home = mkdtempSync(join(tmpdir(), 'anneal-image-'));
const ofImage = (path: string): string => path.replace('/opt/anneal', home);

beforeEach(({ skip }) => {
  if (!engine || !lmEval) skip('the engine or lm-eval is not installed');
});
afterAll(() => rmSync(home, { recursive: true }));

describe('the links that engine.Dockerfile makes', () => {
  it('lead to the Python of the engine, which finds lm-eval', () => {
    mkdirSync(home, { recursive: true });
    const environments = [engine?.dir ?? '', join(dirname(lmEval?.packages ?? ''), '..', '..')];
    for (const folder of environments) symlinkSync(folder, join(home, basename(folder)));
    const dockerfile = readFileSync(join(root, 'infra', 'images', 'engine.Dockerfile'), 'utf8');
    const links = dockerfile.match(/ln -s .*(?= \\)/g) ?? [];
    expect(links).toHaveLength(2);
    for (const link of links) execFileSync('sh', ['-c', link.replaceAll('/opt/anneal', home)]);
    const { ENGINE_PYTHON = '', LM_EVAL_PACKAGES = '' } = imageEnvironment('engine');
    const script = 'import importlib.metadata as metadata, torch, lm_eval; print(metadata.version("lm_eval"))';
    const env = { PYTHONPATH: ofImage(LM_EVAL_PACKAGES), HF_HUB_OFFLINE: '1' };
    const version = execFileSync(ofImage(ENGINE_PYTHON), ['-c', script], { env, encoding: 'utf8' }).trim();
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    const pinned = readFileSync(join(root, 'libs', 'engine', 'python', 'lm-eval-requirements.txt'), 'utf8');
    expect(pinned).toContain(`==${version}`);
  });
});
