import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterAccess, readKubeConfig } from './cluster-access.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'anneal-kubeconfig-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (user: object, current = 'here'): string => {
  const file = join(folder, 'config');
  const config = {
    'current-context': current,
    contexts: [{ name: 'here', context: { cluster: 'lab', user: 'me', namespace: 'trainings' } }],
    clusters: [
      {
        name: 'lab',
        cluster: {
          server: 'https://10.0.0.1:6443/',
          'certificate-authority-data': Buffer.from('the authority').toString('base64'),
        },
      },
    ],
    users: [{ name: 'me', user }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
};

describe('a kubeconfig', () => {
  it('gives server, namespace and authority of its current context', () => {
    const access = readKubeConfig(write({ token: 'abc' }));
    expect(access).toMatchObject({ server: 'https://10.0.0.1:6443', namespace: 'trainings', ca: 'the authority' });
    expect(access.token?.()).toBe('abc');
  });

  it('has a token in a file read anew each time, beside it', () => {
    writeFileSync(join(folder, 'token'), 'first\n');
    const { token } = readKubeConfig(write({ tokenFile: 'token' }));
    expect(token?.()).toBe('first');
    writeFileSync(join(folder, 'token'), 'second\n');
    expect(token?.()).toBe('second');
  });

  it('gives a client certificate, beside it or in itself', () => {
    writeFileSync(join(folder, 'cert.pem'), 'the certificate');
    const key = Buffer.from('the key').toString('base64');
    const file = write({ 'client-certificate': 'cert.pem', 'client-key-data': key });
    expect(readKubeConfig(file)).toMatchObject({ cert: 'the certificate', key: 'the key' });
  });

  it.each([
    ['a program that gives tokens', () => write({ exec: { command: 'aws' } }), /from a program/],
    ['a context that is not there', () => write({ token: 'abc' }, 'elsewhere'), /names no current context/],
    ['no file', () => join(folder, 'none'), /cannot be read/],
  ])('is refused with %s', (_with, file, message) => {
    expect(() => readKubeConfig(file())).toThrow(message);
  });

  it('may be left out in a pod only', () => {
    expect(() => clusterAccess(undefined, undefined)).toThrow(/runs in no pod/);
  });
});
