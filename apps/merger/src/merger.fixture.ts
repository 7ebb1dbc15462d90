import { join } from 'node:path';
import { acceptRunSpec, parseRunSpec, TrainingCompleted, type ArtifactRef, type TrainingPlan } from '@anneal/contracts';
import { startService } from '@anneal/service';
import {
  localBase,
  makeStandInEngine,
  ServiceUnderTest,
  startSurroundings,
  writeStandInAdapter,
  type StandInEngine,
  type Surroundings,
} from '@anneal/testing';
import { mergerService } from './service.js';

/** The merger with a stand-in for the engine, and a training for it to merge. */
export class TestMerger extends ServiceUnderTest {
  private constructor(
    surroundings: Surroundings,
    readonly engine: StandInEngine,
    private readonly adapter: ArtifactRef,
    private readonly dataset: ArtifactRef,
  ) {
    super(surroundings, {
      name: 'merger',
      start: (environment, options) => startService(mergerService, environment, options),
      settings: { ENGINE_PYTHON: engine.python },
      pods: { standIn: engine, settings: { MERGE_HOST: 'kubernetes' } },
    });
  }

  static async start(): Promise<TestMerger> {
    const surroundings = await startSurroundings();
    const { servers, store } = surroundings;
    const engine = await makeStandInEngine(join(servers.folder, 'engine'));
    const adapter = await store.putDirectory('adapter', await writeStandInAdapter(join(servers.folder, 'adapter')));
    const row = {
      messages: [
        { role: 'user', content: '1+1?' },
        { role: 'assistant', content: '2' },
      ],
    };
    const dataset = await store.putFiles('dataset', [
      { path: 'train.jsonl', source: Buffer.from(`${JSON.stringify(row)}\n`) },
    ]);
    const merger = new TestMerger(surroundings, engine, adapter, dataset);
    await merger.startService();
    return merger;
  }

  /** Says that a training is complete, which makes the merger merge. */
  async trained(
    runId: string,
    change: { method?: 'full'; artifact?: ArtifactRef; revision?: string } = {},
  ): Promise<void> {
    const method = change.method ?? 'lora';
    const parsed = parseRunSpec({
      model: { base: `file:${this.engine.model}` },
      dataset: { source: 'acme/rows' },
      training: { method },
    });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const spec = acceptRunSpec(parsed.spec, runId);
    const base = await localBase(spec, this.engine.model, { engine: this.engine, workDir: this.folder });
    await this.say(TrainingCompleted, {
      runId,
      spec,
      dataset: {
        artifact: this.dataset,
        source: 'acme/rows',
        sourceDigest: this.dataset.digest,
        rows: { read: 1, train: 1, heldOut: 0, duplicates: 0, dropped: 0 },
        characters: { total: 5, longest: 5 },
      },
      training: {
        artifact: change.artifact ?? this.adapter,
        base: { ...base, revision: change.revision ?? base.revision },
        plan: planOf(method),
        planArtifact: this.dataset,
        steps: 1,
        resumed: 0,
        loss: { first: 2, last: 1 },
        seconds: 1,
        engine: {},
      },
    });
  }
}

function planOf(method: 'lora' | 'full'): TrainingPlan {
  const lora = { rank: 2, alpha: 4, dropout: 0 };
  return {
    ...{ method, strategy: 'single', device: 'cpu', processes: 1, steps: 1, epochs: 1 },
    ...{ microBatch: 1, gradientAccumulation: 1, effectiveBatch: 1, sequenceLength: 128, learningRate: 0.1 },
    ...{ scheduler: 'cosine', warmupSteps: 0, checkpointEvery: 1, precision: 'float32', seed: 1 },
    ...(method === 'lora' ? { lora } : {}),
  };
}
