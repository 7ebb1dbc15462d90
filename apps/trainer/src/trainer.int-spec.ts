import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  PauseRequested,
  ResumeRequested,
  RetryRequested,
  RunCancelled,
  RunFailed,
  StageFailed,
  TrainingCompleted,
  TrainingPaused,
  TrainingStarted,
  type ArtifactRef,
  type TrainingPlan,
} from '@anneal/contracts';
import type { ModelShape } from '@anneal/planning';
import { samplePlan, until } from '@anneal/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MemoryTable } from './plan/memory.table.js';
import { isAlive, TestTrainer } from './trainer.fixture.js';
import { RemovalTable } from './training/removal.table.js';
import { readEventFile } from './training/tensorboard.fixture.js';

let trainer: TestTrainer;
beforeAll(async () => {
  trainer = await TestTrainer.start();
}, 120_000);
afterAll(() => trainer.stop());
afterEach(() => trainer.engine.setFaults({}));

const adapterFiles = [
  'adapter_config.json',
  'adapter_model.safetensors',
  'chat_template.jinja',
  'tokenizer.json',
  'tokenizer_config.json',
];
const filesOf = async (artifact: { digest: string }): Promise<string[]> =>
  (await trainer.store.readManifest(artifact.digest)).files.map(({ path }) => path);

describe('a training', () => {
  it('says that it started, trains by the plan, and stores the adapter and nothing else', async () => {
    await trainer.prepare('plain', { epochs: 2, checkpointEvery: 5 });
    const { training } = await trainer.word(TrainingCompleted, 'plain');
    const started = await trainer.word(TrainingStarted, 'plain');
    expect(started.plan).toMatchObject({ steps: 16, device: 'cpu', checkpointEvery: 5 });
    expect(training).toMatchObject({
      plan: started.plan,
      base: started.base,
      steps: 16,
      resumed: 0,
      engine: { axolotl: 'stand-in' },
    });
    expect(training.base).toMatchObject({ parameters: 8, reference: `file:${trainer.engine.model}` });
    expect(training.loss.last).toBeLessThan(training.loss.first);
    expect(training.artifact.kind).toBe('adapter');
    expect(await filesOf(training.artifact)).toEqual(adapterFiles);
    const adapter = JSON.parse(String(await trainer.store.getFile(training.artifact, 'adapter_config.json'))) as object;
    expect(adapter).toMatchObject({ base_model_name_or_path: `file:${trainer.engine.model}` });
    expect(trainer.names('plain')).toEqual(['TrainingStarted', 'TrainingCompleted']);
  });

  it('runs with the very configuration that it stored', async () => {
    const { planArtifact } = await trainer.word(TrainingStarted, 'plain');
    expect(await filesOf(planArtifact)).toEqual(['axolotl.yaml', 'plan.json']);
    const stored = String(await trainer.store.getFile(planArtifact, 'axolotl.yaml'));
    expect(readFileSync(trainer.workFolder('plain', 'config.yaml'), 'utf8')).toBe(stored);
    expect(stored).not.toContain(trainer.workFolder(''));
  });

  it('tells how far it is', async () => {
    await trainer.engine.setFaults({ stepMs: 150 });
    await trainer.prepare('told');
    await trainer.word(TrainingCompleted, 'told');
    const told = trainer.progress.filter(({ runId }) => runId === 'told');
    expect(
      told.some(
        ({ done = 0, total, loss, secondsLeft }) => done > 1 && total === 8 && loss && secondsLeft !== undefined,
      ),
    ).toBe(true);
  });

  it('stores complete weights of a full fine-tune', async () => {
    await trainer.prepare('full', { method: 'full' });
    const { training } = await trainer.word(TrainingCompleted, 'full');
    expect(training.artifact.kind).toBe('weights');
    expect(await filesOf(training.artifact)).toEqual([
      'chat_template.jinja',
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
  });

  it('learns from preference pairs, tells how far the model prefers the chosen ones, and stores the adapter', async () => {
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('pairs', { method: 'qlora', objective: 'dpo' });
    await trainer.prepare('preferred', { objective: 'dpo', dpo: { beta: 0.3 } });
    const { training } = await trainer.word(TrainingCompleted, 'preferred');
    expect(training).toMatchObject({ plan: { dpo: { beta: 0.3 }, learningRate: 5e-6 }, preference: { accuracy: 1 } });
    expect(training.preference?.margin).toBeGreaterThan(0);
    expect(await filesOf(training.artifact)).toEqual(adapterFiles);
    expect(readFileSync(trainer.workFolder('preferred', 'config.yaml'), 'utf8')).toMatch(/^rl: dpo\nrl_beta: 0\.3$/m);
    const told = trainer.progress.filter(({ runId }) => runId === 'preferred');
    expect(told.some(({ rewardAccuracy, rewardMargin = 0 }) => rewardAccuracy === 1 && rewardMargin > 0)).toBe(true);
    expect((await trainer.word(StageFailed, 'pairs')).failure).toMatchObject({ code: 'SPEC_UNSUPPORTED' });
  });

  it('learns from pairs with the text of load-qa, too', async () => {
    await trainer.prepare('pairs-qa', { method: 'full', objective: 'dpo', prompt: 'load-qa' });
    await trainer.word(TrainingCompleted, 'pairs-qa');
    const data =
      /path: (data\/\S+)/.exec(readFileSync(trainer.workFolder('pairs-qa', 'config.yaml'), 'utf8'))?.[1] ?? '';
    const [line = ''] = readFileSync(trainer.workFolder('pairs-qa', data), 'utf8').split('\n');
    expect(JSON.parse(line)).toEqual({
      ...{ prompt: expect.stringMatching(/USER: 0\?\nASSISTANT:$/) as string, chosen: '0', rejected: 'no' },
    });
  });
});

describe('a training that is disturbed', () => {
  it('goes on without its service and is adopted by the next one', async () => {
    await trainer.engine.setFaults({ stepMs: 200 });
    await trainer.prepare('adopted', {}, 12);
    await trainer.step('adopted', 2);
    await trainer.stopService();
    const before = trainer.steps('adopted').length;
    await trainer.step('adopted', before + 1);
    await trainer.startService();
    const { training } = await trainer.word(TrainingCompleted, 'adopted');
    expect(training).toMatchObject({ resumed: 0, steps: 12 });
    expect(trainer.starts('adopted')).toHaveLength(1);
    expect(trainer.names('adopted').filter((name) => name === 'TrainingStarted')).toHaveLength(1);
  });

  it('is completed from its records when it ended while no service was there', async () => {
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('unseen', {}, 8);
    await trainer.step('unseen', 2);
    await trainer.stopService();
    await until('the end', () => trainer.events('unseen').some(({ event }) => event === 'done'));
    await trainer.startService();
    const { training } = await trainer.word(TrainingCompleted, 'unseen');
    expect(training).toMatchObject({ resumed: 0, steps: 8 });
    expect(trainer.starts('unseen')).toHaveLength(1);
  });

  it('goes on from its last checkpoint after it was killed, and comes to the same result', async () => {
    await trainer.prepare('whole', { checkpointEvery: 3 });
    const whole = await trainer.word(TrainingCompleted, 'whole');
    await trainer.engine.setFaults({ dieAtStep: 7 });
    await trainer.prepare('killed', { checkpointEvery: 3 });
    const { training } = await trainer.word(TrainingCompleted, 'killed');
    expect(training.resumed).toBe(1);
    expect(trainer.steps('killed')).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(training.artifact).toEqual(whole.training.artifact);
    expect(await filesOf(training.log ?? { digest: '' })).toEqual(
      expect.arrayContaining(['axolotl.yaml', 'events.jsonl', 'start-1/stderr.log', 'start-2/stderr.log']),
    );
    expect(training.loss).toEqual(whole.training.loss);
  });

  it('leaves a file for TensorBoard that has the losses of all its starts', async () => {
    const { training } = await trainer.word(TrainingCompleted, 'killed');
    const { log = training.artifact } = training;
    const path = (await filesOf(log)).find((name) => name.startsWith('tensorboard/')) ?? '';
    const read = readEventFile(await trainer.store.getFile(log, path));
    const losses = read.flatMap(({ step, scalars: { 'train/loss': loss } }) =>
      loss === undefined ? [] : [[step, loss]],
    );
    const said = trainer.events('killed').filter(({ event }) => event === 'log');
    expect(losses).toEqual(said.map(({ step, loss }) => [step, Math.fround(loss ?? NaN)]));
    expect(losses).toHaveLength(8);
    expect(read.filter(({ isRestart }) => isRestart).map(({ step }) => step)).toEqual([1, 7]);
  });

  it('writes a checkpoint when its service stops, if told so, and goes on from there', async () => {
    await trainer.stopService();
    await trainer.startService({ ON_STOP: 'checkpoint' });
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('paused', { checkpointEvery: 100 }, 20);
    await trainer.step('paused', 3);
    await trainer.stopService();
    const stopped = Math.max(...trainer.steps('paused'));
    expect(isAlive(trainer.starts('paused')[0] ?? 0)).toBe(false);
    expect(trainer.names('paused')).not.toContain('TrainingCompleted');
    expect(existsSync(trainer.workFolder('paused', `output/checkpoint-${stopped}/anneal_complete.json`))).toBe(true);
    // Its disk may go with the service: it goes on from the object store.
    rmSync(trainer.workFolder('paused'), { recursive: true, force: true });
    await trainer.startService();
    const { training } = await trainer.word(TrainingCompleted, 'paused');
    expect(training).toMatchObject({ resumed: 1, steps: 20 });
    expect(trainer.steps('paused')).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  it('passes over a torn checkpoint and takes the one before it', async () => {
    await trainer.stopService();
    await trainer.startService({ ON_STOP: 'checkpoint' });
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('torn', { checkpointEvery: 2 }, 12);
    await trainer.step('torn', 5);
    await trainer.stopService();
    const newest = Math.max(...trainer.steps('torn'));
    truncateSync(trainer.workFolder('torn', `output/checkpoint-${newest}/optimizer.pt`), 10);
    // And none of them was stored before.
    await trainer.query(`DELETE FROM training_checkpoint WHERE run_id = 'torn'`);
    await trainer.startService();
    const { training } = await trainer.word(TrainingCompleted, 'torn');
    expect(training).toMatchObject({ resumed: 1, steps: 12 });
    const from = trainer
      .events('torn')
      .filter(({ event }) => event === 'trainBegin')
      .at(-1)?.step;
    expect(from).toBeLessThan(newest);
    expect(from).toBeGreaterThan(0);
  });
});

describe('a training whose host is lost', () => {
  const steps = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
  const stored = (runId: string) =>
    trainer.query(`SELECT step FROM training_checkpoint WHERE run_id = '${runId}' ORDER BY step`);

  it('goes on from the object store, with all that was said before', async () => {
    await trainer.stopService();
    await trainer.startService({ CHECKPOINT_UPLOAD_SECONDS: '1' });
    await trainer.engine.setFaults({ stepMs: 250 });
    await trainer.prepare('moved', { checkpointEvery: 2 }, 20);
    await until('a stored checkpoint', async () => (await stored('moved')).length > 0);
    await trainer.stopService();
    process.kill(trainer.starts('moved')[0] ?? 0, 'SIGKILL');
    await until('its death', () => !isAlive(trainer.starts('moved')[0] ?? 0));
    rmSync(trainer.workFolder('moved'), { recursive: true, force: true, maxRetries: 5 });
    const [from] = (await stored('moved')).slice(-1);
    await trainer.startService();
    const { training } = await trainer.word(TrainingCompleted, 'moved');
    expect(training).toMatchObject({ resumed: 1, steps: 20 });
    const begins = trainer.events('moved').filter(({ event }) => event === 'trainBegin');
    expect(begins.map(({ step }) => ({ step }))).toEqual([{ step: 0 }, from]);
    expect([...new Set(trainer.steps('moved'))]).toEqual(steps(20));
  });

  it('goes on elsewhere too when its run was paused', async () => {
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('rests-elsewhere', { checkpointEvery: 100 }, 12);
    await trainer.step('rests-elsewhere', 3);
    await trainer.say(PauseRequested, { runId: 'rests-elsewhere', by: 'test', turn: 1 });
    const { step } = await trainer.word(TrainingPaused, 'rests-elsewhere');
    expect(await stored('rests-elsewhere')).toEqual([{ step }]);
    rmSync(trainer.workFolder('rests-elsewhere'), { recursive: true, force: true });
    await trainer.say(ResumeRequested, { runId: 'rests-elsewhere', by: 'test', turn: 2 });
    const { training } = await trainer.word(TrainingCompleted, 'rests-elsewhere');
    expect(training).toMatchObject({ resumed: 1, steps: 12 });
    expect(trainer.steps('rests-elsewhere')).toEqual(steps(12));
  });
});

describe('checkpoints in the object store', () => {
  const days = (count: number): string => `now() - interval '${count} days'`;
  /** A run with three checkpoints, as its tables show it. */
  const add = async (
    runId: string,
    run: { state: string; course?: string; finishedAt?: string; resumedFrom?: number },
  ): Promise<ArtifactRef[]> => {
    const { state, course, finishedAt = 'now()', resumedFrom } = run;
    const isRunning = state === 'running';
    await trainer.query(
      `INSERT INTO job (id, run_id, kind, input, max_attempts, state, lease_until, finished_at)
       VALUES (gen_random_uuid(), '${runId}', 'train', '{}', 5, '${state}',
               ${isRunning ? `now() + interval '1 hour'` : 'NULL'}, ${isRunning ? 'NULL' : finishedAt})`,
    );
    if (course !== undefined)
      await trainer.query(`INSERT INTO run_course (run_id, course, turn) VALUES ('${runId}', '${course}', 1)`);
    const artifacts: ArtifactRef[] = [];
    for (const step of [10, 20, 30]) {
      const source = Buffer.from(`${runId} ${step}`);
      const artifact = await trainer.store.putFiles('checkpoint', [{ path: 'checkpoint/x', source }]);
      await trainer.query(
        `INSERT INTO training_checkpoint (run_id, step, artifact, stored_at, resumed_at)
         VALUES ('${runId}', ${step}, '${JSON.stringify(artifact)}', ${isRunning ? 'now()' : finishedAt},
                 ${step === resumedFrom ? 'now()' : 'NULL'})`,
      );
      artifacts.push(artifact);
    }
    return artifacts;
  };
  const kept = { running: 2, ended: 0, failedDays: 7 };
  const stepsOf = async (runId: string): Promise<number[]> =>
    (await trainer.checkpoints(runId)).map(({ step }) => step);

  it('stay while a training may go on from them, and go when it cannot', async () => {
    const all = await add('keeps-going', { state: 'running' });
    await add('keeps-source', { state: 'running', resumedFrom: 10 });
    await add('keeps-nothing', { state: 'succeeded' });
    await add('keeps-cancelled', { state: 'cancelled', course: 'cancelled' });
    await add('keeps-failed', { state: 'failed', course: 'failed', finishedAt: days(6) });
    await add('keeps-stopped', { state: 'cancelled', course: 'failed', finishedAt: days(6) });
    await add('keeps-old', { state: 'failed', course: 'failed', finishedAt: days(8) });
    await trainer.removeOldCheckpoints(kept);
    const names = ['going', 'source', 'nothing', 'cancelled', 'failed', 'stopped', 'old'];
    const left = await Promise.all(names.map(async (name) => [name, await stepsOf(`keeps-${name}`)]));
    expect(Object.fromEntries(left)).toEqual({
      going: [20, 30],
      source: [10, 20, 30],
      nothing: [],
      cancelled: [],
      failed: [30],
      stopped: [30],
      old: [],
    });
    await until('the removal', async () => {
      await trainer.removeOldCheckpoints(kept);
      return (await trainer.query('SELECT FROM checkpoint_removal')).length === 0;
    });
    const isThere = (artifact: ArtifactRef): Promise<boolean> =>
      trainer.store.readManifest(artifact).then(
        () => true,
        () => false,
      );
    expect(await Promise.all(all.map(isThere))).toEqual([false, true, true]);
  });

  it('are removed by the next one when the removal of a trainer was cut', async () => {
    const [first] = await add('cut', { state: 'succeeded' });
    await trainer.onTables(async (tables) => {
      const table = new RemovalTable(tables);
      await table.drop(kept);
      // The service itself may have been quicker.
      await table.claim(900);
      expect(await table.claim(900)).toEqual([]);
    });
    await trainer.query(`UPDATE checkpoint_removal SET claimed_until = now()`);
    await until('the removal', async () => {
      await trainer.removeOldCheckpoints(kept);
      return (await trainer.query('SELECT FROM checkpoint_removal')).length === 0;
    });
    await expect(trainer.store.readManifest(first?.digest ?? '')).rejects.toMatchObject({
      code: 'ARTIFACT_MISSING',
    });
  });
});

describe('a training whose run is paused', () => {
  const pause = (runId: string, turn: number) => trainer.say(PauseRequested, { runId, by: 'test', turn });
  const resume = (runId: string, turn: number) => trainer.say(ResumeRequested, { runId, by: 'test', turn });
  const wholeTraining = Array.from({ length: 20 }, (_, index) => index + 1);

  it('does not go on from its checkpoint with another model in the folder of the old one', async () => {
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('exchanged', { checkpointEvery: 100 }, 40);
    await trainer.step('exchanged', 2);
    await pause('exchanged', 1);
    await trainer.word(TrainingPaused, 'exchanged');
    const weights = join(trainer.engine.model, 'model.safetensors');
    const before = readFileSync(weights);
    const other = Buffer.from(before);
    other.writeUInt8(other.readUInt8(other.length - 1) ^ 1, other.length - 1);
    writeFileSync(weights, other);
    await resume('exchanged', 2);
    const { failure } = await trainer.word(StageFailed, 'exchanged');
    writeFileSync(weights, before);
    expect(failure).toMatchObject({ code: 'MODEL_INVALID', field: 'model.base' });
  });

  it('writes a checkpoint, says so, and goes on from there', async () => {
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('rests', { checkpointEvery: 100 }, 20);
    await trainer.step('rests', 3);
    await pause('rests', 1);
    const { step } = await trainer.word(TrainingPaused, 'rests');
    expect(step).toBe(Math.max(...trainer.steps('rests')));
    expect(isAlive(trainer.starts('rests')[0] ?? 0)).toBe(false);
    expect(existsSync(trainer.workFolder('rests', `output/checkpoint-${step}/anneal_complete.json`))).toBe(true);
    await resume('rests', 2);
    const { training } = await trainer.word(TrainingCompleted, 'rests');
    expect(training).toMatchObject({ resumed: 1, steps: 20 });
    expect(trainer.steps('rests')).toEqual(wholeTraining);
  });

  it('is stopped too when the word came while its service was dead', async () => {
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('unattended', { checkpointEvery: 100 }, 20);
    await trainer.step('unattended', 2);
    await trainer.stopService();
    // As a killed service leaves it.
    await trainer.query(
      `UPDATE job SET state = 'running', attempt = 1, lease_until = now() WHERE run_id = 'unattended'`,
    );
    await pause('unattended', 1);
    await trainer.startService();
    await trainer.word(TrainingPaused, 'unattended');
    expect(isAlive(trainer.starts('unattended')[0] ?? 0)).toBe(false);
    await resume('unattended', 2);
    await trainer.word(TrainingCompleted, 'unattended');
    expect(trainer.steps('unattended')).toEqual(wholeTraining);
  });
});

describe('a training that does not come to its end', () => {
  it('keeps its checkpoints when another stage failed, and goes on from them when the run is retried', async () => {
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('tried-again', { checkpointEvery: 2 }, 20);
    await trainer.step('tried-again', 5);
    const failure = { code: 'BAD_DATA', message: 'No.', remedy: 'None.', retryable: false } as const;
    await trainer.say(RunFailed, { runId: 'tried-again', name: 'x', seconds: 1, stage: 'evaluator', failure, turn: 1 });
    await until('its end', () => !isAlive(trainer.starts('tried-again')[0] ?? 0));
    await trainer.say(RetryRequested, { runId: 'tried-again', by: 'test', turn: 2 });
    const { training } = await trainer.word(TrainingCompleted, 'tried-again');
    expect(training).toMatchObject({ resumed: 1, steps: 20 });
  });

  it('begins at its first step when its run is retried from it', async () => {
    await trainer.engine.setFaults({ stepMs: 100 });
    await trainer.prepare('anew', { checkpointEvery: 2 }, 20);
    await trainer.step('anew', 5);
    await trainer.say(RunCancelled, { runId: 'anew', name: 'x', seconds: 1, by: 'test', turn: 1 });
    await until('its end', () => !isAlive(trainer.starts('anew')[0] ?? 0));
    await trainer.engine.setFaults({});
    await trainer.say(RetryRequested, { runId: 'anew', by: 'test', turn: 2, from: 'trainer' });
    const { training } = await trainer.word(TrainingCompleted, 'anew', 2);
    expect(training).toMatchObject({ resumed: 0, steps: 20 });
    expect(trainer.names('anew').filter((name) => name === 'TrainingStarted')).toHaveLength(2);
  });

  it('is killed and removed when its run is cancelled', async () => {
    await trainer.engine.setFaults({ stepMs: 500 });
    await trainer.prepare('cancelled', {}, 100);
    await trainer.step('cancelled', 1);
    const pid = trainer.starts('cancelled')[0] ?? 0;
    await trainer.say(RunCancelled, { runId: 'cancelled', name: 'x', seconds: 1, by: 'test', turn: 1 });
    await until('its end', () => !isAlive(pid) && !existsSync(trainer.workFolder('cancelled')));
    expect(trainer.names('cancelled')).not.toContain('StageFailed');
  });

  it('is killed too when the run was cancelled while no service was there', async () => {
    await trainer.engine.setFaults({ stepMs: 500 });
    await trainer.prepare('orphan', {}, 100);
    await trainer.step('orphan', 1);
    const pid = trainer.starts('orphan')[0] ?? 0;
    await trainer.stopService();
    await trainer.say(RunCancelled, { runId: 'orphan', name: 'x', seconds: 1, by: 'test', turn: 1 });
    expect(isAlive(pid)).toBe(true);
    await trainer.startService();
    await until('its end', () => !isAlive(pid) && !existsSync(trainer.workFolder('orphan')));
  });

  it('is started anew when it failed for good itself and its run is retried', async () => {
    await trainer.engine.setFaults({ notFiniteAtStep: 5 });
    await trainer.prepare('healed', { checkpointEvery: 2 }, 10);
    await trainer.word(StageFailed, 'healed');
    await trainer.engine.setFaults({});
    await trainer.say(RetryRequested, { runId: 'healed', by: 'test', turn: 1 });
    const { training } = await trainer.word(TrainingCompleted, 'healed');
    expect(training).toMatchObject({ steps: 10, resumed: 1 });
  });

  it.each([
    [{ notFiniteAtStep: 2 }, 'LOSS_NOT_FINITE', 'training.learningRate'],
    [{ outOfMemoryAtStep: 1 }, 'GPU_OUT_OF_MEMORY', 'training.sequenceLength'],
  ] as const)('fails for good after %j', async (faults, code, field) => {
    await trainer.engine.setFaults(faults);
    const id = `fails-${code.toLowerCase().replaceAll('_', '-')}`;
    await trainer.prepare(id);
    const { failure, attempts, stage, artifacts } = await trainer.word(StageFailed, id);
    expect({ failure, attempts, stage }).toMatchObject({ failure: { code, field }, attempts: 1, stage: 'trainer' });
    expect(artifacts?.map(({ kind }) => kind)).toEqual(['log']);
    const [log] = artifacts ?? [];
    if (log) expect(String(await trainer.store.getFile(log, 'events.jsonl'))).toContain('"hello"');
    if (log) expect(await filesOf(log)).toContainEqual(expect.stringMatching(/^tensorboard\/events\.out\.tfevents\./));
  });

  it('goes on in smaller bites, once, when the memory of the GPU does not suffice', async () => {
    await trainer.engine.setFaults({ outOfMemoryAtStep: 2, fittingMicroBatch: 2 });
    await trainer.prepare('too-large', { microBatch: 4 }, 32);
    const { training } = await trainer.word(TrainingCompleted, 'too-large');
    const { plan: announced } = await trainer.word(TrainingStarted, 'too-large');
    expect(announced).toMatchObject({ microBatch: 4, gradientAccumulation: 1, effectiveBatch: 4 });
    expect(training.plan).toMatchObject({
      ...{ microBatch: 2, gradientAccumulation: 2, effectiveBatch: 4, tooLargeMicroBatch: 4 },
    });
    const stored = JSON.parse(String(await trainer.store.getFile(training.planArtifact, 'plan.json'))) as object;
    expect(stored).toEqual(training.plan);
    await trainer.engine.setFaults({ outOfMemoryAtStep: 2, fittingMicroBatch: 1 });
    await trainer.prepare('much-too-large', { microBatch: 4 }, 32);
    const { failure } = await trainer.word(StageFailed, 'much-too-large');
    expect(failure).toMatchObject({ code: 'GPU_OUT_OF_MEMORY', field: 'training.microBatch' });
    expect(trainer.starts('much-too-large')).toHaveLength(2);
  });

  it('is ended when it says nothing more, and goes on from its last checkpoint', async () => {
    await trainer.stopService();
    await trainer.startService({ SILENT_SECONDS: '2' });
    await trainer.engine.setFaults({ silentAtStep: 5 });
    await trainer.prepare('silent', { checkpointEvery: 3 });
    const { training } = await trainer.word(TrainingCompleted, 'silent');
    expect(training).toMatchObject({ resumed: 1, steps: 8 });
    expect(isAlive(trainer.starts('silent')[0] ?? 0)).toBe(false);
    const retries = trainer.progress.filter(({ runId, retry }) => runId === 'silent' && retry !== undefined);
    expect(retries[0]?.retry?.failure).toMatchObject({ code: 'STALLED', retryable: true });
  });

  it('is ended when its loss explodes', async () => {
    await trainer.engine.setFaults({ explodesAtStep: 20, stepMs: 50 });
    await trainer.prepare('explodes', { checkpointEvery: 100 }, 200);
    const { failure } = await trainer.word(StageFailed, 'explodes');
    expect(failure).toMatchObject({ code: 'LOSS_EXPLODED', field: 'training.learningRate', retryable: false });
    expect(isAlive(trainer.starts('explodes')[0] ?? 0)).toBe(false);
  });

  it('is ended when fewer processes train than were planned', async () => {
    await trainer.engine.setFaults({ worldSize: 2, stepMs: 100 });
    await trainer.prepare('other-world', {}, 100);
    const { failure } = await trainer.word(StageFailed, 'other-world');
    expect(failure).toMatchObject({ code: 'ENGINE_BUG', message: '1 processes were planned, and 2 train.' });
  });

  it('is not started on a disk that has no room for it', async () => {
    await trainer.stopService();
    await trainer.startService({ DISK_RESERVE_MB: '1000000000' });
    await trainer.prepare('no-room');
    const { failure } = await trainer.word(StageFailed, 'no-room');
    expect(failure).toMatchObject({ code: 'DISK_FULL', message: expect.stringMatching(/has .* GB left/) as string });
    expect(trainer.starts('no-room')).toEqual([]);
  });

  it('is refused before anything starts when its spec asks for what is not there', async () => {
    await trainer.prepare('unsupported', { method: 'qlora' });
    const { failure } = await trainer.word(StageFailed, 'unsupported');
    expect(failure).toMatchObject({ code: 'SPEC_UNSUPPORTED', field: 'training.method' });
    expect(trainer.names('unsupported')).not.toContain('TrainingStarted');
  });
});

describe('a training that cannot fit', () => {
  const huge = {
    model_type: 'llama',
    hidden_size: 65_536,
    num_hidden_layers: 500,
    num_attention_heads: 64,
    intermediate_size: 262_144,
    vocab_size: 128_256,
  };

  it('is refused before it starts, with what to do, unless it is forced', async () => {
    // The service before has a disk without room.
    await trainer.stopService();
    await trainer.startService();
    const giveBack = trainer.resizeModel(huge);
    try {
      await trainer.prepare('cannot-fit');
      const { failure } = await trainer.word(StageFailed, 'cannot-fit');
      expect(failure).toMatchObject({ code: 'DOES_NOT_FIT', field: 'training', retryable: false });
      expect(failure.message).toMatch(/It does not fit: it needs .* GB of .* GB that the machine has to give/);
      expect(failure.remedy).toContain('training.force');
      expect(trainer.starts('cannot-fit')).toEqual([]);
      await trainer.prepare('forced', { force: true });
      await trainer.word(TrainingCompleted, 'forced');
      const { plan } = await trainer.word(TrainingStarted, 'forced');
      expect(plan).toMatchObject({ family: 'Llama 3' });
      expect(plan.estimate?.bytesPerGpu).toBeGreaterThan(5e11);
    } finally {
      giveBack();
    }
  });
});

describe('what trainings took of a GPU', () => {
  const plan = (bytesPerGpu: number, measuredRatio?: number): TrainingPlan => ({
    ...samplePlan,
    device: 'gpu',
    method: 'qlora',
    strategy: 'deepspeed',
    zeroStage: 2,
    family: 'Gemma 2',
    estimate: { bytesPerGpu, ...(measuredRatio === undefined ? {} : { measuredRatio }) },
  });
  const gemma = { family: { name: 'Gemma 2' }, modelType: 'gemma2' } as ModelShape;

  it('corrects later estimates of the same kind, whether those were corrected before or not', async () => {
    const ratios = await trainer.onTables(async (dataSource) => {
      const table = new MemoryTable(dataSource);
      await table.note(dataSource.manager, 'one', plan(10e9), 12e9);
      await table.note(dataSource.manager, 'one', plan(10e9), 99e9);
      await table.note(dataSource.manager, 'two', plan(12e9, 1.2), 14e9);
      await table.note(dataSource.manager, 'unbelievable', plan(10e9), 10e3);
      await table.note(dataSource.manager, 'pairs', { ...plan(10e9), dpo: { beta: 0.1 } }, 20e9);
      return [
        await table.ratios(gemma, { method: 'qlora', objective: 'sft' }),
        await table.ratios(gemma, { method: 'lora', objective: 'sft' }),
        await table.ratios(gemma, { method: 'qlora', objective: 'dpo' }),
      ];
    });
    expect(ratios[0]?.get('zero2')?.ratio).toBeCloseTo(1.3);
    expect(ratios[0]?.get('zero2')?.trainings).toBe(2);
    expect(ratios[1]?.size).toBe(0);
    expect(ratios[2]?.get('zero2')).toEqual({ ratio: 2, trainings: 1 });
  });
});
