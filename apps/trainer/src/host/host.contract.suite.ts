import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  PauseRequested,
  ResumeRequested,
  RunCancelled,
  StageFailed,
  TrainingCompleted,
  TrainingPaused,
} from '@anneal/contracts';
import { until } from '@anneal/testing';
import { describe, expect, it } from 'vitest';
import { isAlive, type TestTrainer } from '../trainer.fixture.js';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** What every training host promises, whatever it runs trainings in. */
export function describeHostContract(name: string, given: () => TestTrainer): void {
  const dead = (pid: number | undefined) => until('its end', () => pid !== undefined && !isAlive(pid));

  describe(`the contract of ${name}`, () => {
    it('trains to the last step and stores the adapter and nothing else', async () => {
      const trainer = given();
      await trainer.prepare('whole', { checkpointEvery: 3 });
      const { training } = await trainer.word(TrainingCompleted, 'whole');
      expect(training).toMatchObject({ steps: 8, resumed: 0 });
      const { files } = await trainer.store.readManifest(training.artifact);
      expect(files.map(({ path }) => path)).toEqual([
        'adapter_config.json',
        'adapter_model.safetensors',
        'chat_template.jinja',
        'tokenizer.json',
        'tokenizer_config.json',
      ]);
      const config = String(await trainer.store.getFile(training.artifact, 'adapter_config.json'));
      expect(JSON.parse(config)).toMatchObject({ base_model_name_or_path: `file:${trainer.engine.model}` });
    });

    it('goes on from a checkpoint after the training was killed, to the same bytes', async () => {
      const trainer = given();
      // So late that a checkpoint is where it is kept.
      await trainer.engine.setFaults({ dieAtStep: 7, stepMs: 200 });
      await trainer.prepare('killed', { checkpointEvery: 3 });
      const { training } = await trainer.word(TrainingCompleted, 'killed');
      const whole = await trainer.word(TrainingCompleted, 'whole');
      expect(training.resumed).toBe(1);
      expect(training.artifact).toEqual(whole.training.artifact);
      expect(trainer.starts('killed')).toHaveLength(2);
    });

    it('lets a training go on without its service, which adopts it again', async () => {
      const trainer = given();
      await trainer.engine.setFaults({ stepMs: 200 });
      await trainer.prepare('adopted', {}, 15);
      await trainer.step('adopted', 2);
      await trainer.stopService();
      expect(isAlive(trainer.starts('adopted')[0] ?? 0)).toBe(true);
      await trainer.startService();
      const { training } = await trainer.word(TrainingCompleted, 'adopted');
      expect(training).toMatchObject({ resumed: 0, steps: 15 });
      expect(trainer.starts('adopted')).toHaveLength(1);
      expect(trainer.steps('adopted')).toEqual(numbers(15));
    });

    it('writes a checkpoint when its service stops, if told so, and goes on from there', async () => {
      const trainer = given();
      await trainer.stopService();
      await trainer.startService({ ON_STOP: 'checkpoint' });
      await trainer.engine.setFaults({ stepMs: 100 });
      await trainer.prepare('stopped', { checkpointEvery: 100 }, 20);
      await trainer.step('stopped', 3);
      await trainer.stopService();
      expect(isAlive(trainer.starts('stopped')[0] ?? 0)).toBe(false);
      await trainer.startService();
      const { training } = await trainer.word(TrainingCompleted, 'stopped');
      expect(training).toMatchObject({ resumed: 1, steps: 20 });
      expect(trainer.steps('stopped')).toEqual(numbers(20));
    });

    it('pauses a run with a checkpoint and resumes it', async () => {
      const trainer = given();
      await trainer.engine.setFaults({ stepMs: 100 });
      await trainer.prepare('rests', { checkpointEvery: 100 }, 20);
      await trainer.step('rests', 3);
      await trainer.say(PauseRequested, { runId: 'rests', by: 'test', turn: 1 });
      const { step } = await trainer.word(TrainingPaused, 'rests');
      expect(step).toBe(Math.max(...trainer.steps('rests')));
      expect(isAlive(trainer.starts('rests')[0] ?? 0)).toBe(false);
      await trainer.say(ResumeRequested, { runId: 'rests', by: 'test', turn: 2 });
      const { training } = await trainer.word(TrainingCompleted, 'rests');
      expect(training).toMatchObject({ resumed: 1, steps: 20 });
      expect(trainer.steps('rests')).toEqual(numbers(20));
    });

    it('goes on from the newest checkpoint in the store when those before it were removed', async () => {
      const trainer = given();
      await trainer.stopService();
      await trainer.startService({ CHECKPOINT_UPLOAD_SECONDS: '1' });
      await trainer.engine.setFaults({ stepMs: 200 });
      await trainer.prepare('tidied', { checkpointEvery: 2 }, 30);
      const [old] = await until('a stored checkpoint', async () => {
        const stored = await trainer.checkpoints('tidied');
        return stored.length > 0 && stored;
      });
      await trainer.step('tidied', (old?.step ?? 0) + 8);
      await trainer.say(PauseRequested, { runId: 'tidied', by: 'test', turn: 1 });
      const { step } = await trainer.word(TrainingPaused, 'tidied');
      await trainer.removeOldCheckpoints({ running: 1, ended: 0, failedDays: 7 });
      expect((await trainer.checkpoints('tidied')).map((stored) => stored.step)).toEqual([step]);
      await expect(trainer.store.readManifest(old?.artifact.digest ?? '')).rejects.toMatchObject({
        code: 'ARTIFACT_MISSING',
      });
      rmSync(trainer.workFolder('tidied'), { recursive: true, force: true });
      await trainer.engine.setFaults({});
      await trainer.say(ResumeRequested, { runId: 'tidied', by: 'test', turn: 2 });
      const { training } = await trainer.word(TrainingCompleted, 'tidied');
      expect(training).toMatchObject({ resumed: 1, steps: 30 });
      expect(trainer.steps('tidied')).toEqual(numbers(30));
      // The model has files of its last checkpoint.
      await trainer.removeOldCheckpoints({ running: 1, ended: 0, failedDays: 7 });
      expect(await trainer.checkpoints('tidied')).toEqual([]);
      await trainer.store.getDirectory(training.artifact, join(trainer.folder, 'fetched-result'));
    });

    it('ends a training whose run is cancelled', async () => {
      const trainer = given();
      await trainer.engine.setFaults({ stepMs: 300 });
      await trainer.prepare('cancelled', {}, 200);
      await trainer.step('cancelled', 1);
      const [pid] = trainer.starts('cancelled');
      await trainer.say(RunCancelled, { runId: 'cancelled', name: 'x', seconds: 1, by: 'test', turn: 1 });
      await dead(pid);
      expect(trainer.names('cancelled')).not.toContain('StageFailed');
    });

    it('ends one too whose run was cancelled while no service was there', async () => {
      const trainer = given();
      await trainer.engine.setFaults({ stepMs: 300 });
      await trainer.prepare('orphan', {}, 200);
      await trainer.step('orphan', 1);
      const [pid] = trainer.starts('orphan');
      await trainer.stopService();
      await trainer.say(RunCancelled, { runId: 'orphan', name: 'x', seconds: 1, by: 'test', turn: 1 });
      expect(isAlive(pid ?? 0)).toBe(true);
      await trainer.startService();
      await dead(pid);
    });

    it.each([
      [{ notFiniteAtStep: 2 }, 'LOSS_NOT_FINITE', 'training.learningRate'],
      [{ outOfMemoryAtStep: 1 }, 'GPU_OUT_OF_MEMORY', 'training.sequenceLength'],
    ] as const)('says what was wrong after %j', async (faults, code, field) => {
      const trainer = given();
      await trainer.engine.setFaults(faults);
      const id = `fails-${code.toLowerCase().replaceAll('_', '-')}`;
      await trainer.prepare(id);
      const { failure, attempts } = await trainer.word(StageFailed, id);
      expect({ failure, attempts }).toMatchObject({ failure: { code, field, retryable: false }, attempts: 1 });
    });

    it('goes on in smaller bites when the memory of the GPU does not suffice', async () => {
      const trainer = given();
      await trainer.engine.setFaults({ outOfMemoryAtStep: 2, fittingMicroBatch: 2 });
      await trainer.prepare('too-large', { microBatch: 4 }, 32);
      const { training } = await trainer.word(TrainingCompleted, 'too-large');
      expect(training.plan).toMatchObject({ microBatch: 2, gradientAccumulation: 2, tooLargeMicroBatch: 4 });
    });

    it('ends one that says nothing more, and goes on from its checkpoint', async () => {
      const trainer = given();
      await trainer.stopService();
      await trainer.startService({ SILENT_SECONDS: '2', CHECKPOINT_UPLOAD_SECONDS: '1' });
      await trainer.engine.setFaults({ silentAtStep: 5, stepMs: 200 });
      await trainer.prepare('silent', { checkpointEvery: 2 });
      const { training } = await trainer.word(TrainingCompleted, 'silent');
      expect(training).toMatchObject({ resumed: 1, steps: 8 });
      expect(isAlive(trainer.starts('silent')[0] ?? 0)).toBe(false);
    });
  });
}
