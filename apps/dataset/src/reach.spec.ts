import { connectStore } from '@anneal/artifacts';
import { parseConfig } from '@anneal/service';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { datasetConfig } from './dataset.config.js';
import { reachOf } from './reach.js';

const needed = {
  NATS_URL: 'nats://dataset:secret@127.0.0.1:4222',
  POSTGRES_URL: 'postgres://dataset:secret@127.0.0.1/anneal',
  S3_ENDPOINT: 'http://127.0.0.1:9000',
  S3_ACCESS_KEY: 'key',
  S3_SECRET_KEY: 'secret',
};
const store = connectStore({ endpoint: needed.S3_ENDPOINT, accessKey: 'k', secretKey: 's', bucket: 'b', region: 'r' });
const reach = (more: Record<string, string> = {}) => reachOf(parseConfig(datasetConfig, { ...needed, ...more }), store);

afterEach(() => vi.unstubAllEnvs());

describe('what the dataset service may read', () => {
  it('is the Hub and the internet, and nothing of its own network, when nobody says more', () => {
    const { fileRoots, httpsTargets, buckets, offline, maxBytes } = reach({ HTTPS_TARGETS: '', DATA_BUCKETS: '' });
    expect({ fileRoots, httpsTargets, offline, maxBytes }).toEqual({
      fileRoots: [],
      httpsTargets: ['public'],
      offline: false,
      maxBytes: 100 * 1024 ** 3,
    });
    expect(buckets?.has('anneal')).toBe(false);
  });

  it('is what its environment names', () => {
    const { httpsTargets, buckets } = reach({
      HTTPS_TARGETS: 'public, files.team.lan:8443',
      DATA_BUCKETS: 'data,more',
    });
    expect(httpsTargets).toEqual(['public', 'files.team.lan:8443']);
    expect([buckets?.has('data'), buckets?.has('more'), buckets?.has('anneal')]).toEqual([true, true, false]);
  });

  it.each([
    ['OFFLINE', 'true'],
    ['HF_HUB_OFFLINE', '1'],
  ])('is what is here, with %s=%s', (name, value) => {
    expect(reach({ [name]: value }).offline).toBe(true);
  });

  it('has its secrets at the moment of their use', () => {
    const { secret } = reach();
    expect(secret?.('HF_TOKEN_TEAM')).toBeUndefined();
    vi.stubEnv('HF_TOKEN_TEAM', 'hf_team');
    expect(secret?.('HF_TOKEN_TEAM')).toBe('hf_team');
  });
});
