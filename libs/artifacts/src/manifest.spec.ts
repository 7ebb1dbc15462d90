import { describe, expect, it } from 'vitest';
import { canonicalManifest, openManifest, sealManifest, sha256Hex } from './manifest.js';

const one = {
  path: 'b/model.safetensors',
  size: 3,
  sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
};
const two = { path: 'a.json', size: 0, sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' };

describe('manifest', () => {
  it('has one form and one digest for ever', () => {
    const { bytes, ref } = sealManifest('model', [one, two]);
    expect(bytes.toString()).toBe(
      `{"files":[{"path":"a.json","sha256":"${two.sha256}","size":0},{"path":"b/model.safetensors","sha256":"${one.sha256}","size":3}],"kind":"model","version":1}`,
    );
    expect(ref).toEqual({
      kind: 'model',
      digest: '14171d1323218efbebb169e3fade47308bfc4ea066d1338dd096eb319654b8c7',
      files: 2,
      bytes: 3,
    });
  });

  it('does not depend on the order in which files were found', () => {
    expect(sealManifest('model', [two, one]).ref).toEqual(sealManifest('model', [one, two]).ref);
  });

  it('sorts by UTF-16 code units, not by language', () => {
    const files = ['ä', 'Z', 'a', 'B'].map((path) => ({ ...two, path }));
    expect(sealManifest('report', files).manifest.files.map((file) => file.path)).toEqual(['B', 'Z', 'a', 'ä']);
  });

  it('is refused when its bytes have another digest', () => {
    const { bytes, ref } = sealManifest('model', [one]);
    expect(() => openManifest(Buffer.concat([bytes, Buffer.from(' ')]), ref.digest)).toThrow(/its own digest/);
  });

  it.each([
    ['../evil', /path/],
    ['/etc/passwd', /path/],
    ['a/../../evil', /path/],
    ['a\\..\\evil', /path/],
    ['./a', /path/],
    ['a//b', /path/],
    ['a\0b', /control/],
  ])('is refused when a path is %j', (path, reason) => {
    const bytes = canonicalManifest({ version: 1, kind: 'model', files: [{ ...one, path }] });
    expect(() => openManifest(bytes, sha256Hex(bytes))).toThrow(reason);
  });

  it('is refused when one path is twice there, or file and folder at once', () => {
    expect(() => sealManifest('model', [one, one])).toThrow(/twice/);
    expect(() => sealManifest('model', [one, { ...two, path: 'b' }])).toThrow(/both as file and as folder/);
  });

  it('is refused when it is not JSON', () => {
    const bytes = Buffer.from('{');
    expect(() => openManifest(bytes, sha256Hex(bytes))).toThrow(/not JSON/);
  });
});
