import { acceptRunSpec, parseRunSpec, type AcceptedRunSpec } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { lookupFor, missingOffline, missingTogether, publishingOffline, refusalOf, targetsOffline } from './index.js';

function publish(to: string, when: string): AcceptedRunSpec['publish'] {
  const parsed = parseRunSpec({
    ...{ model: { base: 'acme/small' }, dataset: { source: 'acme/rows' }, training: { method: 'lora' } },
    publish: { to, when },
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return acceptRunSpec(parsed.spec, 'run').publish;
}

describe('what is missing', () => {
  it('is said of one thing as it is, and of several in one list', () => {
    const [one, two] = [missingOffline('The model a/b', 'model.base'), missingOffline('c/d', 'dataset.source')];
    expect(missingTogether([one])).toBe(one);
    expect(missingTogether([one, two])).toMatchObject({
      ...{ code: 'SOURCE_OFFLINE', retryable: false, field: 'model.base' },
      message: expect.stringMatching(/^2 things .* \(1\) The model a\/b .* \(2\) c\/d /) as string,
    });
  });
});

describe('publishing while offline', () => {
  it.each([
    ['hub:acme/tuned', 'always', true],
    ['hub:acme/tuned', 'improved', true],
    ['hub:acme/tuned', 'never', false],
    ['registry:tuned', 'always', false],
  ])('to %s %s is refused: %s', (to, when, refused) => {
    expect(publishingOffline(publish(to, when)) !== undefined).toBe(refused);
  });
});

describe('the addresses of an offline service', () => {
  const any = targetsOffline(['any']);

  it('are those inside its network, where all could be asked, and those that are named', () => {
    expect(targetsOffline(['public', 'files.example.com', 'any'])).toEqual(['files.example.com', 'inside']);
    expect(refusalOf(new URL('http://10.0.0.7/'), any)).toBeUndefined();
    expect(refusalOf(new URL('https://8.8.8.8/'), any)).toMatch(/lies outside/);
    expect(refusalOf(new URL('https://example.com/'), targetsOffline(['public']))).toMatch(/is none/);
    expect(refusalOf(new URL('https://files.example.com/'), targetsOffline(['files.example.com']))).toBeUndefined();
  });

  it('are held to that by the look-up of the connection', async () => {
    const lookup = lookupFor(new URL('http://localhost/'), any);
    const found = await new Promise((resolve, reject) =>
      lookup?.('localhost', { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses))),
    );
    expect(found).toContainEqual(expect.objectContaining({ address: expect.stringMatching(/^(127\.|::1)/) as string }));
    const outside = new Promise((resolve) => lookup?.('8.8.8.8', { all: true }, (error) => resolve(error)));
    await expect(outside).resolves.toMatchObject({ message: expect.stringMatching(/lies outside/) as string });
  });
});
