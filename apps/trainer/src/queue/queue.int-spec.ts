import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSlotTaken } from '@anneal/compute';
import {
  PauseRequested,
  ResumeRequested,
  RetryRequested,
  RunCancelled,
  StageFailed,
  TrainingCompleted,
  TrainingPaused,
} from '@anneal/contracts';
import { until } from '@anneal/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlive, TestTrainer } from '../trainer.fixture.js';

const onGpus = { DEVICE: 'auto', HOST_NAME: 'three-gpus' };
const path = process.env['PATH'] ?? '';
let folder: string;
let trainer: TestTrainer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-queue-'));
  await mkdir(join(folder, 'bin'));
  const gpus = [0, 1, 2].map((index) => `echo '${index}, Made-up GPU, 24576'`);
  await writeFile(join(folder, 'bin', 'nvidia-smi'), ['#!/bin/sh', ...gpus, ''].join('\n'));
  await chmod(join(folder, 'bin', 'nvidia-smi'), 0o755);
  process.env['PATH'] = `${join(folder, 'bin')}:${path}`;
  trainer = await TestTrainer.start(onGpus);
}, 120_000);
afterAll(async () => {
  await trainer.stop();
  process.env['PATH'] = path;
  await rm(folder, { recursive: true, force: true });
});

const requests = (runId: string) =>
  trainer.query(`SELECT indices FROM devices.request WHERE run_id = '${runId}'`) as Promise<
    { indices: number[] | null }[]
  >;
const place = (runId: string, position: number) =>
  until(`place ${position} of ${runId}`, () =>
    trainer.progress.find((said) => said.runId === runId && said.position === position),
  );
const cancel = async (...runIds: string[]): Promise<void> => {
  await Promise.all(
    runIds.map(async (runId) => {
      await trainer.say(RunCancelled, { runId, name: 'x', seconds: 1, by: 'test', turn: 9 });
      await until(`the end of ${runId}`, async () => (await requests(runId)).length === 0);
    }),
  );
};

describe('trainings on a host with three GPUs', () => {
  it('run side by side, each on a GPU of its own', async () => {
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('one', { gpus: 1 }, 300);
    await trainer.prepare('two', { gpus: 1 }, 300);
    await Promise.all([trainer.step('one', 1), trainer.step('two', 1)]);
    expect([trainer.gpusOf('one'), trainer.gpusOf('two')].toSorted()).toEqual(['0', '1']);
  });

  it('wait for as many as they need, which those that come later do not take from them', async () => {
    await trainer.prepare('large', { gpus: 3, epochs: 0.5 });
    expect(await place('large', 1)).toMatchObject({ phase: 'waiting for 3 GPUs, first in line' });
    await trainer.prepare('late', { gpus: 1, epochs: 0.5 });
    expect(await place('late', 2)).toMatchObject({ phase: 'waiting for a GPU, second in line' });
    await trainer.prepare('urgent', { gpus: 1, priority: 3 }, 300);
    await trainer.step('urgent', 1);
    expect(trainer.gpusOf('urgent')).toBe('2');
    await cancel('one', 'two', 'urgent');
    await trainer.word(TrainingCompleted, 'late');
    const began = (runId: string): number => trainer.events(runId).find(({ event }) => event === 'hello')?.time ?? 0;
    const ended = trainer.events('large').find(({ event }) => event === 'done')?.time ?? Infinity;
    expect(began('late')).toBeGreaterThanOrEqual(ended);
    const { training } = await trainer.word(TrainingCompleted, 'large');
    expect(training.plan).toMatchObject({ device: 'gpu', strategy: 'ddp', processes: 3 });
    expect(await trainer.query('SELECT FROM devices.request')).toEqual([]);
  });

  it('share the GPUs between their projects, though one asked for all of them first', async () => {
    for (const runId of ['flood-1', 'flood-2', 'flood-3']) {
      await trainer.prepare(runId, { gpus: 1 }, 300, 'flood');
      await trainer.step(runId, 1);
    }
    for (const runId of ['flood-4', 'flood-5']) {
      await trainer.prepare(runId, { gpus: 1 }, 300, 'flood');
      await until(`${runId} to wait`, async () => (await requests(runId)).length > 0);
    }
    await trainer.prepare('single', { gpus: 1, epochs: 0.5 }, 300, 'others');
    // A GPU is kept for the first in line by now, whoever comes.
    await place('single', 2);
    await cancel('flood-1', 'flood-2');
    await trainer.step('single', 1);
    expect(trainer.steps('flood-5')).toEqual([]);
    await cancel('flood-2', 'flood-3', 'flood-4', 'flood-5', 'single');
    expect(trainer.heard.filter(({ event }) => event.runId === 'single').map(({ event }) => event.project)).toContain(
      'others',
    );
  });

  it('keep their GPUs when their service is killed', async () => {
    await trainer.prepare('kept', { gpus: 2 }, 600);
    await trainer.step('kept', 1);
    const before = await requests('kept');
    await trainer.stopService();
    // As a killed service leaves it.
    await trainer.query(`UPDATE job SET state = 'running', attempt = 1, lease_until = now() WHERE run_id = 'kept'`);
    await trainer.startService({ ...onGpus, TRAININGS: '8' });
    await trainer.prepare('beside', { gpus: 1 }, 300);
    await trainer.step('beside', 1);
    expect(await requests('kept')).toEqual(before);
    expect([trainer.gpusOf('kept'), trainer.gpusOf('beside')]).toEqual(['0,1', '2']);
    await trainer.step('kept', Math.max(...trainer.steps('kept')) + 1);
    expect(trainer.starts('kept')).toHaveLength(1);
    await cancel('kept', 'beside');
  });

  it('give them back when they ended while no service was there', async () => {
    await trainer.prepare('lost', { gpus: 3 }, 300);
    await trainer.step('lost', 1);
    await trainer.stopService();
    const [pid = 0] = trainer.starts('lost');
    process.kill(pid, 'SIGKILL');
    await until('its end', () => !isAlive(pid));
    await trainer.query(`UPDATE job SET run_at = now() + interval '1 hour' WHERE run_id = 'lost'`);
    await trainer.startService(onGpus);
    await trainer.prepare('next', { gpus: 3, epochs: 0.5 });
    await trainer.word(TrainingCompleted, 'next');
    await cancel('lost');
  });

  it('can be cancelled and paused while they wait', async () => {
    await trainer.prepare('busy', { gpus: 3 }, 300);
    await trainer.step('busy', 1);
    for (const runId of ['unwanted', 'rests']) await trainer.prepare(runId, { gpus: 1, epochs: 0.5 });
    const waits = (runId: string): boolean => trainer.progress.some((said) => said.runId === runId && said.position);
    await until('both to wait', () => waits('unwanted') && waits('rests'));
    await cancel('unwanted');
    await trainer.say(PauseRequested, { runId: 'rests', by: 'test', turn: 1 });
    expect(await trainer.word(TrainingPaused, 'rests')).toMatchObject({ step: 0 });
    expect(await requests('rests')).toEqual([]);
    await trainer.say(ResumeRequested, { runId: 'rests', by: 'test', turn: 2 });
    await until('its request', async () => (await requests('rests')).length > 0);
    await cancel('busy');
    await trainer.word(TrainingCompleted, 'rests');
    expect(existsSync(trainer.workFolder('unwanted'))).toBe(false);
  });

  it('take GPUs first that no evaluation uses', async () => {
    await trainer.prepare('first', { gpus: 1, epochs: 0.5 });
    await trainer.word(TrainingCompleted, 'first');
    const evaluation = spawn('flock', [trainer.slot(0), 'sleep', '60'], { detached: true });
    await until('its lock', () => isSlotTaken(trainer.slot(0)));
    await trainer.prepare('other', { gpus: 1 }, 300);
    await trainer.step('other', 1);
    expect(trainer.gpusOf('other')).toBe('1');
    process.kill(-(evaluation.pid ?? 0), 'SIGKILL');
    await cancel('other');
  });

  it('end with a checkpoint when their time is up, and go on from there when the run is tried again', async () => {
    await trainer.prepare('timed', { gpus: 1, maxHours: 1 / 3600, checkpointEvery: 1_000 }, 40);
    const { failure, attempts } = await trainer.word(StageFailed, 'timed');
    expect({ failure, attempts }).toMatchObject({
      failure: { code: 'RUN_TIME_EXCEEDED', field: 'training.maxHours' },
      attempts: 1,
    });
    const step = Math.max(...trainer.steps('timed'));
    expect(existsSync(trainer.workFolder('timed', `output/checkpoint-${step}/anneal_complete.json`))).toBe(true);
    await trainer.engine.setFaults({});
    await trainer.say(RetryRequested, { runId: 'timed', by: 'test', turn: 1 });
    const { training } = await trainer.word(TrainingCompleted, 'timed');
    expect(training).toMatchObject({ resumed: 1, steps: 40 });
  });
});

describe('trainings of two hosts', () => {
  it('go to the host that has room, whichever of the two took them on', async () => {
    const on = (runId: string, host: string) =>
      until(`${runId} on ${host}`, async () => {
        const rows = await trainer.query(`SELECT host FROM devices.request WHERE run_id = '${runId}'`);
        return (rows as { host: string | null }[]).some((row) => row.host === host);
      });
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('fills', { gpus: 3 }, 600);
    await on('fills', 'three-gpus');
    await trainer.prepare('moves', { gpus: 2 }, 40);
    await place('moves', 1);
    const other = await trainer.startBeside({ ...onGpus, HOST_NAME: 'other', WORK_DIR: trainer.otherWork() });
    try {
      await on('moves', 'other');
      const { training } = await trainer.word(TrainingCompleted, 'moves');
      expect(training).toMatchObject({ steps: 20, plan: { processes: 2 } });
      const events = join(trainer.otherWork(), 'trainer', 'moves', 'events.jsonl');
      expect(existsSync(events)).toBe(true);
      const attempts = trainer.heard.filter(
        ({ definition, event }) => definition.name === 'StageAttempted' && event.runId === 'moves',
      );
      // The one that waited was given back, and is no try.
      expect(attempts).toHaveLength(1);
      await cancel('fills');
    } finally {
      await other.stop();
    }
  });
});
