import { Failure } from '@anneal/contracts';
import { expect, it } from 'vitest';
import { examine } from './check.js';

it('gives the findings in the order of the checks, whatever they took', async () => {
  const found = await examine([
    { name: 'slow', run: () => new Promise((resolve) => setTimeout(() => resolve({ state: 'ok', message: 'a' }), 20)) },
    { name: 'fast', run: async () => ({ state: 'skipped', message: 'b' }) },
  ]);
  expect(found).toEqual([
    { name: 'slow', state: 'ok', message: 'a' },
    { name: 'fast', state: 'skipped', message: 'b' },
  ]);
});

it('tells a failure by its own words, anything else as a fault of the check, and goes on after both', async () => {
  const found = await examine([
    { name: 'one', run: () => Promise.reject(new Failure('INTERNAL', 'It is away.', { remedy: 'Start it.' })) },
    { name: 'two', run: () => Promise.reject(new Error('odd')) },
  ]);
  expect(found).toEqual([
    { name: 'one', state: 'broken', message: 'It is away.', remedy: 'Start it.' },
    { name: 'two', state: 'broken', message: 'The check itself broke: odd.', remedy: 'Please report it.' },
  ]);
});

it('waits for no answer for ever', async () => {
  const [found] = await examine([{ name: 'silent', run: () => new Promise(() => undefined) }], 20);
  expect(found).toMatchObject({ state: 'broken', message: 'There was no answer within 0.02 s.' });
});
