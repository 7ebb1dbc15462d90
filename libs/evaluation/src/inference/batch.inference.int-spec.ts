import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeStandInGenerator, type StandInGenerator } from '@anneal/testing';
import { AskedFolder, prompts } from './asked-folder.fixture.js';
import { BatchInference } from './batch.inference.js';
import type { InferenceRequest, Reply } from './inference.js';

let asking: AskedFolder;
let folder: string;
let generator: StandInGenerator;
let inference: BatchInference;
beforeEach(() => {
  asking = new AskedFolder();
  folder = asking.path;
  generator = makeStandInGenerator(join(folder, 'engine'));
  inference = new BatchInference({
    engine: generator,
    workDir: folder,
    device: 'cpu',
    threads: 1,
    batch: 2,
    leaseSeconds: 30,
  });
});
afterEach(() => asking.remove());

async function ask(
  more: Partial<InferenceRequest> = {},
  onReply: (reply: Reply) => Promise<void> = async () => undefined,
): Promise<void> {
  await inference.ask(asking.request(more), onReply);
}
const asked = (): string[] => generator.asked().map(({ id }) => id);
const isOver = (): Promise<boolean> => asking.isOver();

it('hands on every reply once, one after another', async () => {
  const replies: Reply[] = [];
  let storing = 0;
  await ask({}, async (reply) => {
    storing += 1;
    expect(storing).toBe(1);
    await pause(5);
    storing -= 1;
    replies.push(reply);
  });
  expect(replies.map(({ id, text, finish }) => [id, text, finish])).toEqual(
    prompts.map(({ id, prompt }) => [id, prompt.prompt, 'stop']),
  );
});

it('adopts a generation that its service left behind, and asks nothing twice', async () => {
  generator.setFaults({ batchMs: 150 });
  const gone = new AbortController();
  const first: string[] = [];
  const left = ask({ signal: gone.signal }, async ({ id }) => {
    first.push(id);
    // What is left of a measurement when its service is killed: the process, and the answers stored so far.
    if (first.length === 3) gone.abort('lease-lost');
  });
  await expect(left).rejects.toBe('lease-lost');
  expect(await isOver()).toBe(false);
  const second: string[] = [];
  const stillOpen = prompts.filter(({ id }) => !first.includes(id));
  await ask({ prompts: stillOpen }, async ({ id }) => void second.push(id));
  expect([...first, ...second].toSorted()).toEqual(prompts.map(({ id }) => id));
  expect(asked()).toEqual(prompts.map(({ id }) => id));
  expect(new Set(generator.asked().map(({ pid }) => pid)).size).toBe(1);
});

it('starts nothing when all was answered while nobody looked', async () => {
  await ask();
  const again: string[] = [];
  await ask({}, async ({ id }) => void again.push(id));
  expect(again).toHaveLength(8);
  expect(asked()).toHaveLength(8);
});

it.each(['stopping', 'cancelled'])('ends its generation when it is %s', async (reason) => {
  generator.setFaults({ batchMs: 100 });
  const stop = new AbortController();
  await expect(ask({ signal: stop.signal }, async () => stop.abort(reason))).rejects.toBe(reason);
  expect(await isOver()).toBe(true);
  expect(asked().length).toBeLessThan(8);
});

it('ends its generation when a reply cannot be stored', async () => {
  generator.setFaults({ batchMs: 100 });
  const broken = new Error('not stored');
  await expect(ask({}, () => Promise.reject(broken))).rejects.toBe(broken);
  expect(await isOver()).toBe(true);
});

it('says how a generation ended that did not answer all', async () => {
  generator.setFaults({ dieAfter: 4 });
  await expect(ask()).rejects.toMatchObject({ name: 'GenerationEnded', exit: { signal: 'SIGKILL' }, unanswered: 4 });
  await expect(ask({ model: '/nowhere', directory: join(folder, 'other') })).rejects.toMatchObject({
    exit: { code: 3 },
    log: expect.stringContaining('There is no model at /nowhere') as string,
  });
});
