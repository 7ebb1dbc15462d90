import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc32c } from './event.records.js';
import { readEventFile } from './tensorboard.fixture.js';
import { tensorboardFile } from './tensorboard.file.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-tensorboard-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const base = { pid: 7 };
const begin = (time: number, step: number): object => ({
  ...{ ...base, event: 'trainBegin', time, step, maxSteps: 4, epochs: 1, worldSize: 1, outputDir: 'output' },
});
const log = (time: number, step: number, values: object): object => ({ ...base, event: 'log', time, step, ...values });

async function fileOf(lines: readonly unknown[]): ReturnType<typeof tensorboardFile> {
  const path = join(folder, 'events.jsonl');
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return tensorboardFile(path);
}

describe('the checksum of a record', () => {
  // RFC 3720, B.4.
  it.each([
    [Buffer.alloc(32), 0x8a9136aa],
    [Buffer.alloc(32, 0xff), 0x62a8ab43],
    [Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
    [Buffer.from('123456789'), 0xe3069283],
  ])('is CRC-32C of %o', (bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });
});

describe('the file for TensorBoard', () => {
  it('has what each step said, under the tags of Transformers', async () => {
    const hello = { ...base, event: 'hello', time: 1_700_000_000.5, versions: {}, gpus: [] };
    const pairs = { rewardAccuracy: 0.75, rewardMargin: -0.5 };
    const file = await fileOf([
      { event: 'start', attempt: 1 },
      hello,
      begin(1_700_000_001, 0),
      log(1_700_000_002, 1, { loss: 2.5, gradNorm: 1.25, learningRate: 0.0002, trainableTokens: 300 }),
      log(1_700_000_003, 2, { loss: 'NaN', ...pairs }),
      { ...base, event: 'eval', time: 1_700_000_004, step: 2, loss: 3 },
    ]);
    expect(file?.name).toBe('events.out.tfevents.1700000000.anneal');
    const [version, start, ...steps] = readEventFile(file?.bytes ?? Buffer.alloc(0));
    expect(version).toEqual({ time: 1_700_000_000.5, step: 0, version: 'brain.Event:2', scalars: {} });
    expect(start).toEqual({ time: 1_700_000_001, step: 1, isRestart: true, scalars: {} });
    expect(steps).toEqual([
      {
        time: 1_700_000_002,
        step: 1,
        scalars: {
          'train/loss': 2.5,
          'train/grad_norm': 1.25,
          'train/learning_rate': Math.fround(0.0002),
          'train/trainable_tokens': 300,
        },
      },
      {
        time: 1_700_000_003,
        step: 2,
        scalars: { 'train/loss': NaN, 'train/rewards/accuracies': 0.75, 'train/rewards/margins': -0.5 },
      },
      { time: 1_700_000_004, step: 2, scalars: { 'eval/loss': 3 } },
    ]);
  });

  it('says from which step on a later start tells it anew', async () => {
    const file = await fileOf([
      begin(1, 0),
      log(2, 1, { loss: 3 }),
      log(3, 200, { loss: 2 }),
      begin(4, 100),
      log(5, 101, { loss: 1 }),
    ]);
    const read = readEventFile(file?.bytes ?? Buffer.alloc(0));
    expect(read.filter(({ isRestart }) => isRestart).map(({ step }) => step)).toEqual([1, 101]);
    expect(read.map(({ step }) => step)).toEqual([0, 1, 1, 200, 101, 101]);
  });

  it('is not there when nothing was said', async () => {
    expect(await fileOf([{ event: 'start', attempt: 1 }, 'no event'])).toBeUndefined();
  });
});
