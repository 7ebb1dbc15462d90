import { join } from 'node:path';
import { makeStandInVllm, type StandInVllm } from '@anneal/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AskedFolder, prompts } from './asked-folder.fixture.js';
import type { InferenceRequest, Reply } from './inference.js';
import { VllmInference } from './vllm.inference.js';

let asking: AskedFolder;
let folder: string;
let vllm: StandInVllm;
let inference: VllmInference;
beforeEach(() => {
  asking = new AskedFolder();
  folder = asking.path;
  vllm = makeStandInVllm(join(folder, 'vllm'));
  inference = new VllmInference({
    ...{ engine: vllm, workDir: folder, gpu: 0, threads: 1, leaseSeconds: 30 },
    ...{ concurrency: 2, firstPauseMs: 5, lookMs: 50 },
  });
});
afterEach(() => asking.remove());

const texts = prompts.map(({ prompt }) => prompt.prompt);

async function ask(
  more: Partial<InferenceRequest> = {},
  onReply: (reply: Reply) => Promise<void> = async () => undefined,
): Promise<Reply[]> {
  const replies: Reply[] = [];
  await inference.ask(asking.request(more), async (reply) => {
    replies.push(reply);
    await onReply(reply);
  });
  return replies;
}
const servers = (): number => new Set(vllm.asked().map(({ pid }) => pid)).size;
const isOver = (): Promise<boolean> => asking.isOver();
const textsOf = (replies: readonly Reply[]): string[] => replies.map(({ text }) => text).toSorted();

it('serves the model, asks once it is loaded, and ends the server', async () => {
  vllm.setFaults({ loadMs: 600 });
  expect(textsOf(await ask())).toEqual(texts);
  expect(
    vllm
      .asked()
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual(texts);
  expect(servers()).toBe(1);
  expect(await isOver()).toBe(true);
});

it('starts a server anew that hangs, and asks nothing twice that was answered', async () => {
  vllm.setFaults({ hangAfter: 4 });
  expect(textsOf(await ask())).toEqual(texts);
  expect(servers()).toBe(2);
  // Those two that were under way when it stopped answering are asked again.
  expect(vllm.asked().length).toBeLessThanOrEqual(10);
});

it('starts a server anew that died', async () => {
  vllm.setFaults({ crashAfter: 4 });
  expect(textsOf(await ask())).toEqual(texts);
  expect(servers()).toBe(2);
});

it('adopts a server that its service left behind', async () => {
  vllm.setFaults({ answerMs: 60 });
  const gone = new AbortController();
  const first: string[] = [];
  const left = ask({ signal: gone.signal }, async ({ id }) => {
    first.push(id);
    // What is left of a measurement when its service is killed: the server, and the answers stored so far.
    if (first.length === 3) gone.abort('lease-lost');
  });
  await expect(left).rejects.toBe('lease-lost');
  expect(await isOver()).toBe(false);
  const second = await ask({ prompts: prompts.filter(({ id }) => !first.includes(id)) });
  expect(first.length + second.length).toBe(prompts.length);
  expect(servers()).toBe(1);
});

it('ends its server when it is cancelled', async () => {
  vllm.setFaults({ answerMs: 60 });
  const stop = new AbortController();
  await expect(ask({ signal: stop.signal }, async () => stop.abort('cancelled'))).rejects.toBe('cancelled');
  expect(await isOver()).toBe(true);
});

it('gives up a model that vLLM cannot load, with its last words', async () => {
  await expect(ask({ model: '/nowhere' })).rejects.toMatchObject({
    name: 'GenerationEnded',
    exit: { code: 1 },
    unanswered: 8,
    log: expect.stringContaining('config.json') as string,
  });
});
