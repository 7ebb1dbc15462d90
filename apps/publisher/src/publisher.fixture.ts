import { randomUUID } from 'node:crypto';
import type { ArtifactRef, EvaluationCompleted, EventData, RunSpecInput, Verdict } from '@anneal/contracts';
import { startService } from '@anneal/service';
import { ServiceUnderTest, startHub, startSurroundings, type SmallHub, type Surroundings } from '@anneal/testing';
import { evaluated } from './__fixtures__/evaluated.js';
import { publisherService } from './service.js';

/** The publisher with a small Hub, and a model to publish. */
export class TestPublisher extends ServiceUnderTest {
  private constructor(
    surroundings: Surroundings,
    readonly hub: SmallHub,
    readonly artifact: ArtifactRef,
  ) {
    super(surroundings, {
      name: 'publisher',
      start: (environment, options) => startService(publisherService, environment, options),
      settings: { HF_ENDPOINT: hub.url },
    });
  }

  static async start(): Promise<TestPublisher> {
    const surroundings = await startSurroundings();
    const files = [{ path: 'model.safetensors', source: Buffer.from('weights') }];
    const artifact = await surroundings.store.putFiles('model', files);
    const publisher = new TestPublisher(surroundings, await startHub(), artifact);
    await publisher.startService();
    return publisher;
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.hub.stop();
  }

  /** A run of its own with this model and verdict, as the evaluator tells it. */
  evaluation(
    publish: RunSpecInput['publish'] = {},
    verdict: Verdict = 'improved',
  ): EventData<typeof EvaluationCompleted> {
    const runId = `run-${randomUUID().slice(0, 8)}`;
    const run = evaluated(publish, verdict);
    return { ...run, runId, spec: { ...run.spec, id: runId }, merge: { ...run.merge, artifact: this.artifact } };
  }
}
