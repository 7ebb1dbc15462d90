import {
  DatasetPrepared,
  EvaluationCompleted,
  Failure,
  ModelMerged,
  ModelPublished,
  readTrainRequest,
  TrainingCompleted,
  TrainingStarted,
  TrainRequested,
  carriedRunSpec,
  type EventDefinition,
  type ReceivedEvent,
  type ServiceName,
  type StageName,
} from '@anneal/contracts';
import { Inbox, JobQueue, Outbox, type ClaimedJob, type Completion } from '@anneal/jobs';
import { OnEvent } from '@anneal/messaging';
import { baseConfigShape, defineService, worker, type ServiceDefinition, type StageWork } from '@anneal/service';
import { sampleEvents } from '@anneal/testing';
import { Controller, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';

const input = z.object({ runId: z.string(), spec: carriedRunSpec });
type Input = z.infer<typeof input>;
type Says = (outbox: Outbox, tx: EntityManager, job: ClaimedJob<Input>) => Promise<unknown>;

/** Work at once, so that what is measured is the way between the stages and not how many of them run side by side. */
const concurrency = 8;

/** A stage with everything of a real one but its work: inbox, job, lease, token, outbox. */
function noOpStage(stage: StageName, takes: EventDefinition, says: Says, passesOver: readonly EventDefinition[] = []) {
  @Controller()
  class NoOpConsumer {
    constructor(
      private readonly inbox: Inbox,
      private readonly jobs: JobQueue,
    ) {}

    @OnEvent(takes)
    async taken(event: ReceivedEvent): Promise<void> {
      const request = takes === TrainRequested ? readTrainRequest(event.data, event.id) : undefined;
      if (request && !request.ok) return;
      const given = input.parse(request ?? event.data);
      await this.inbox.take(event, async (tx) => {
        await this.jobs.add(tx, { runId: given.runId, kind: 'no-op', input: given, causationId: event.id });
      });
    }
  }

  @Injectable()
  class NoOpWork implements StageWork<Input> {
    constructor(private readonly outbox: Outbox) {}

    run(job: ClaimedJob<Input>): Promise<Completion> {
      return Promise.resolve(async (tx) => {
        await says(this.outbox, tx, job);
      });
    }

    toFailure(error: unknown): Failure {
      return new Failure('INTERNAL', String(error), { remedy: 'Look at the benchmark.' });
    }
  }

  const others = passesOver.map((definition) => passingOver(definition));
  return defineService({
    name: stage,
    stage,
    config: z.object(baseConfigShape),
    migrations: [],
    module: () => ({ controllers: [NoOpConsumer, ...others], providers: [NoOpWork] }),
    workers: [worker({ kind: 'no-op', input, work: NoOpWork, concurrency, follows: 'gateway' })],
  });
}

/** What the real stage listens to besides; an event that nobody takes would be a dead letter. */
function passingOver(definition: EventDefinition) {
  @Controller()
  class PassOver {
    @OnEvent(definition)
    passed(): Promise<void> {
      return Promise.resolve();
    }
  }
  return PassOver;
}

const factsOf = ({ input: { runId, spec } }: ClaimedJob<Input>) => {
  const events = sampleEvents(runId);
  return { ...events, run: { runId, spec } };
};

const services: Partial<Record<ServiceName, ServiceDefinition<z.infer<z.ZodObject<typeof baseConfigShape>>>>> = {
  dataset: noOpStage('dataset', TrainRequested, (outbox, tx, job) => {
    const { prepared, run } = factsOf(job);
    return outbox.add(tx, DatasetPrepared, { ...prepared, ...run }, job);
  }),
  trainer: noOpStage('trainer', DatasetPrepared, async (outbox, tx, job) => {
    const { started, trained, run } = factsOf(job);
    await outbox.add(tx, TrainingStarted, { ...started, ...run }, job);
    await outbox.add(tx, TrainingCompleted, { ...trained, ...run }, job);
  }),
  merger: noOpStage('merger', TrainingCompleted, (outbox, tx, job) => {
    const { merged, run } = factsOf(job);
    return outbox.add(tx, ModelMerged, { ...merged, ...run }, job);
  }),
  evaluator: noOpStage(
    'evaluator',
    ModelMerged,
    (outbox, tx, job) => {
      const { evaluated, run } = factsOf(job);
      return outbox.add(tx, EvaluationCompleted, { ...evaluated, ...run }, job);
    },
    [TrainRequested, DatasetPrepared],
  ),
  publisher: noOpStage('publisher', EvaluationCompleted, (outbox, tx, job) => {
    const { published, run } = factsOf(job);
    return outbox.add(tx, ModelPublished, { ...published, ...run }, job);
  }),
};

/** @throws Error when there is no such stage */
export function noOpService(name: string) {
  const service = Object.entries(services).find(([stage]) => stage === name)?.[1];
  if (!service) throw new Error(`there is no stage ${name}`);
  return service;
}
