import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packTar, readTar } from './tar.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-tar-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function throughTar(files: Record<string, string>): Promise<Record<string, string>> {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  await packTar(join(folder, 'a.tar'), folder, Object.keys(files));
  const read: Record<string, string> = {};
  for await (const { path, size, bytes } of readTar(join(folder, 'a.tar'))) {
    const chunks: Buffer[] = [];
    for await (const chunk of bytes) chunks.push(chunk);
    read[path] = Buffer.concat(chunks).toString();
    expect(Buffer.byteLength(read[path])).toBe(size);
  }
  return read;
}

it('gives back files of every size, also under long paths', async () => {
  const long = `models/${'owner'.repeat(12)}--${'name'.repeat(15)}/${'c'.repeat(40)}/model-00001-of-00002.safetensors`;
  const files = { empty: '', block: 'x'.repeat(512), more: 'y'.repeat(200_000), [long]: 'weights' };
  expect(await throughTar(files)).toEqual(files);
});

it('says that a path does not fit into an archive', async () => {
  const path = `${'f'.repeat(120)}/${'n'.repeat(120)}`;
  await expect(throughTar({ [path]: '' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
