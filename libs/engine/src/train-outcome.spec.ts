import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { engineEvent, type EngineEvent } from './engine-events.js';
import { trainOutcome, type TrainOutcome } from './train-outcome.js';

// What real trainings wrote, with Axolotl 0.21.
const recorded = join(import.meta.dirname, '__fixtures__');

function textOf(file: string): string {
  const path = join(recorded, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function eventsOf(name: string): EngineEvent[] {
  const lines = textOf(`${name}.events.jsonl`).split('\n').filter(Boolean);
  return lines.map((line) => engineEvent.parse(JSON.parse(line)));
}

function outcomeOf(name: string, code = 1): TrainOutcome {
  return trainOutcome({ exit: { code, signal: null }, events: eventsOf(name), log: textOf(`${name}.log`) });
}

describe('how a training ended', () => {
  it('is complete when all steps are done and the plugin said so last', () => {
    expect(outcomeOf('completed', 0)).toEqual({ kind: 'completed' });
  });

  it('is not complete for an exit status of 0 alone', () => {
    const events = eventsOf('completed').filter(({ event }) => event !== 'done');
    expect(trainOutcome({ exit: { code: 0, signal: null }, events, log: '' })).toMatchObject({ kind: 'failed' });
  });

  it('is stopped when it was asked to stop, although its exit status is 0 too', () => {
    expect(outcomeOf('stopped', 0)).toEqual({ kind: 'stopped', step: 1 });
  });

  it('is complete before its last step only where the plan said that it may stop early', () => {
    const ended = { exit: { code: 0, signal: null }, events: eventsOf('stopped-early'), log: '' };
    expect(trainOutcome({ ...ended, stopsEarly: true })).toEqual({ kind: 'completed' });
    expect(trainOutcome(ended)).toMatchObject({ kind: 'failed' });
  });

  it.each([
    ['bad-column', 'BAD_DATA', /^ValueError: Messages is null/],
    ['bad-config', 'BAD_CONFIG', /ValidationError: .* micro_batch_size Input should be a valid integer/],
    ['disk-full', 'DISK_FULL', /No space left on device/],
    ['killed', 'KILLED', /SIGKILL/],
    // What the others say of a process that was killed is not what happened.
    ['lost-process', 'KILLED', /Connection reset by peer/],
    ['loss-not-finite', 'LOSS_NOT_FINITE', /^LossNotFinite: the loss of step 2 is nan$/],
    ['no-memory', 'HOST_OUT_OF_MEMORY', /^MemoryError: Cannot allocate memory/],
    ['no-model', 'MODEL_NOT_FOUND', /^OSError: /],
    ['no-plugin', 'ENGINE_BUG', /^ModuleNotFoundError: /],
    ['pair-too-long', 'BAD_DATA', /^ValueError: Sample exceeds configured sequence_len \(16\)/],
    ['too-long', 'BAD_DATA', /^ValueError: Sequence encountered with 116 tokens, which exceeds the maximum 16\.$/],
  ] as const)('names %s as %s, in the words of the trainer and not of its launcher', (name, code, detail) => {
    const outcome = outcomeOf(name);
    expect(outcome).toMatchObject({ kind: 'failed', code });
    expect('detail' in outcome && outcome.detail).toMatch(detail);
  });

  // Said by PyTorch 2.14 of GPUs; there was none to provoke them on.
  it.each([
    ['GPU_OUT_OF_MEMORY', 'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.'],
    ['NCCL_TIMEOUT', '[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=3, OpType=ALLREDUCE)'],
    [
      'NCCL_TIMEOUT',
      'torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:2021, remote process exited',
    ],
    ['MODEL_GATED', 'huggingface_hub.errors.GatedRepoError: 403 Client Error. Access to model acme/base is restricted'],
  ] as const)('is %s when it says "%s"', (code, log) => {
    expect(trainOutcome({ exit: { code: 1, signal: null }, events: [], log })).toMatchObject({ kind: 'failed', code });
  });

  it('is killed when its process was', () => {
    const ended = { exit: { code: null, signal: 'SIGKILL' }, events: [], log: '' };
    expect(trainOutcome(ended)).toMatchObject({ kind: 'failed', code: 'KILLED' });
  });
});
