import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolveFileReference } from './local-files.js';

let folder: string;
let root: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'anneal-files-')));
  root = join(folder, 'data');
  await mkdir(join(root, 'deep'), { recursive: true });
  await writeFile(join(root, 'deep', 'train.jsonl'), '{}');
  await writeFile(join(root, '..data'), '{}');
  await writeFile(join(folder, 'secret'), 'secret');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (path: string, roots = [root]): Promise<string> =>
  resolveFileReference(`file:${path}`, { roots, field: 'dataset.source', missing: 'DATASET_NOT_FOUND' });
const refused = (message: string) => ({
  code: 'DATASET_NOT_FOUND',
  field: 'dataset.source',
  message: expect.stringContaining(message) as string,
});

describe('a file reference', () => {
  it('leads to what lies below a root, in both ways of writing it', async () => {
    const path = join(root, 'deep', 'train.jsonl');
    expect(await open(path)).toBe(path);
    expect(await open(`//${path}`)).toBe(path);
    expect(await open(root)).toBe(root);
    expect(await open(join(root, '..data'))).toBe(join(root, '..data'));
    expect(await open(path, ['/'])).toBe(path);
  });

  it('may pass through a root that is a link, or that ends with a slash', async () => {
    await symlink(root, join(folder, 'mounted'));
    const path = join(root, 'deep', 'train.jsonl');
    expect(await open(join(folder, 'mounted', 'deep', 'train.jsonl'), [join(folder, 'mounted')])).toBe(path);
    expect(await open(path, [`${root}/`])).toBe(path);
  });

  it.each(['deep/train.jsonl', './train.jsonl', '~/train.jsonl'])('%s is relative, and refused', async (path) => {
    await expect(open(path)).rejects.toMatchObject(refused('relative path'));
  });

  it('does not lead out of the roots, by dots or by links', async () => {
    await symlink(join(folder, 'secret'), join(root, 'link.jsonl'));
    await symlink(folder, join(root, 'up'));
    for (const path of [`${root}/../secret`, `${root}/link.jsonl`, `${root}/up/secret`, `${root}-other/x`]) {
      await expect(open(path)).rejects.toMatchObject(refused('outside the folders'));
    }
    await expect(open(join(root, 'deep', 'train.jsonl'), [])).rejects.toMatchObject(refused('outside the folders'));
  });

  it('does not tell what exists outside the roots', async () => {
    const messages = await Promise.all(
      ['secret', 'nothing'].map((name) => open(join(folder, name)).catch((error: unknown) => (error as Error).message)),
    );
    expect(messages[0]?.replace('secret', 'nothing')).toBe(messages[1]);
  });

  it('to nothing is told as such', async () => {
    await symlink(join(root, 'gone'), join(root, 'dangling'));
    for (const name of ['nothing.jsonl', 'dangling', 'deep/train.jsonl/x']) {
      await expect(open(join(root, name))).rejects.toMatchObject(refused('nothing at that path'));
    }
  });
});
