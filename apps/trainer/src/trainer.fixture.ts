import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { slotFile } from '@anneal/compute';
import { acceptRunSpec, DatasetPrepared, parseRunSpec, type ArtifactRef, type RunSpecInput } from '@anneal/contracts';
import { createLogger, startService } from '@anneal/service';
import {
  makeStandInEngine,
  ServiceUnderTest,
  startSurroundings,
  until,
  type StandInEngine,
  type Surroundings,
} from '@anneal/testing';
import { trainerService } from './service.js';
import { CheckpointRetention } from './training/checkpoint.retention.js';
import { RemovalTable, type Kept } from './training/removal.table.js';

/** The trainer with a stand-in for the engine. */
export class TestTrainer extends ServiceUnderTest {
  private constructor(
    surroundings: Surroundings,
    readonly engine: StandInEngine,
  ) {
    super(surroundings, {
      name: 'trainer',
      start: (environment, options) => startService(trainerService, environment, options),
      settings: { ENGINE_PYTHON: engine.python, DEVICE: 'cpu' },
      // Pods are processes of one machine.
      pods: { standIn: engine, settings: { TRAINING_HOST: 'kubernetes', KUBERNETES_MEMORY_GB: '64' } },
    });
  }

  static async start(environment: Record<string, string> = {}): Promise<TestTrainer> {
    const surroundings = await startSurroundings();
    const engine = await makeStandInEngine(join(surroundings.servers.folder, 'engine'));
    const trainer = new TestTrainer(surroundings, engine);
    await trainer.startService(environment);
    return trainer;
  }

  /** What a service does now and then, at once. */
  async removeOldCheckpoints({ running, ended, failedDays }: Kept): Promise<void> {
    const kept = {
      CHECKPOINTS_KEPT: running,
      CHECKPOINTS_KEPT_ENDED: ended,
      CHECKPOINT_FAILED_DAYS: failedDays,
    };
    const log = createLogger('test', 'silent');
    await this.onTables((tables) =>
      new CheckpointRetention(kept, log, this.ownStore, new RemovalTable(tables)).sweep(),
    );
  }

  /** Steps of the checkpoints in the object store, and their artifacts. */
  async checkpoints(runId: string): Promise<{ step: number; artifact: ArtifactRef }[]> {
    const rows = await this.query(
      `SELECT step, artifact FROM training_checkpoint WHERE run_id = '${runId}' ORDER BY step`,
    );
    return rows as { step: number; artifact: ArtifactRef }[];
  }

  /** Says another size of the model than it has; the words before are given back. */
  resizeModel(size: object): () => void {
    const path = join(this.engine.model, 'config.json');
    const before = readFileSync(path, 'utf8');
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(before) as object), ...size }));
    return () => writeFileSync(path, before);
  }

  /** Says that a dataset is prepared, which makes the trainer train. */
  async prepare(
    id: string,
    training: Partial<RunSpecInput['training']> = {},
    rows = 8,
    project?: string,
  ): Promise<void> {
    const parsed = parseRunSpec({
      model: { base: `file:${this.engine.model}` },
      dataset: { source: 'acme/rows' },
      training: { method: 'lora', microBatch: 1, gradientAccumulation: 1, ...training },
    } satisfies RunSpecInput);
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const question = (index: number) => ({ role: 'user', content: `${index}?` });
    const row = (index: number) =>
      parsed.spec.training.objective === 'dpo'
        ? { messages: [question(index)], chosen: `${index}`, rejected: 'no' }
        : { messages: [question(index), { role: 'assistant', content: `${index}` }] };
    const lines = Array.from({ length: rows }, (_, index) => `${JSON.stringify(row(index))}\n`).join('');
    const artifact = await this.store.putFiles('dataset', [{ path: 'train.jsonl', source: Buffer.from(lines) }]);
    const dataset = {
      artifact,
      source: 'acme/rows',
      sourceDigest: artifact.digest,
      rows: { read: rows, train: rows, heldOut: 0, duplicates: 0, dropped: 0 },
      characters: { total: 4 * rows, longest: 4 },
    };
    await this.say(DatasetPrepared, { runId: id, spec: acceptRunSpec(parsed.spec, id), dataset }, { project });
  }

  /** For a service on what counts as another host. */
  otherWork(): string {
    return join(this.folder, 'other-work');
  }

  /** Lock file of a GPU. */
  slot(gpu: number): string {
    return slotFile(join(this.folder, 'work'), gpu);
  }

  /** Waits until the training has done so many steps. */
  async step(runId: string, step: number): Promise<void> {
    await until(`step ${step} of ${runId}`, () => this.steps(runId).some((done) => done >= step));
  }

  /** The steps that the engine reported, over all starts. */
  steps(runId: string): number[] {
    return this.events(runId).flatMap((event) => (event.event === 'log' ? [event.step ?? 0] : []));
  }

  events(runId: string): { event: string; time?: number; step?: number; pid?: number; loss?: number }[] {
    try {
      const text = readFileSync(this.workFolder(runId, 'events.jsonl'), 'utf8');
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as ReturnType<typeof this.events>[number]);
    } catch {
      return [];
    }
  }

  /** What the newest process of a training was given. */
  gpusOf(runId: string): string | undefined {
    const environment = readFileSync(`/proc/${this.starts(runId).at(-1) ?? 0}/environ`, 'utf8').split('\0');
    return environment.find((entry) => entry.startsWith('CUDA_VISIBLE_DEVICES='))?.split('=')[1];
  }

  /** The processes that trained, in order. */
  starts(runId: string): number[] {
    return this.events(runId).flatMap((event) => (event.event === 'hello' ? [event.pid ?? 0] : []));
  }
}

export function isAlive(pid: number): boolean {
  try {
    // A zombie is dead, though a signal would still reach it.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
