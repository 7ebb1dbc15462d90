import {
  DatasetPrepared,
  ModelMerged,
  readTrainRequest,
  TrainRequested,
  type EventData,
  type ReceivedEvent,
} from '@anneal/contracts';
import { Inbox, JobQueue } from '@anneal/jobs';
import { OnEvent } from '@anneal/messaging';
import { Controller } from '@nestjs/common';
import type { MeasureInput } from './measure.input.js';

@Controller()
export class EvaluatorConsumer {
  constructor(
    private readonly inbox: Inbox,
    private readonly jobs: JobQueue,
  ) {}

  /** The base model needs nobody's work: it is measured at once, unless the questions come out of the dataset. */
  @OnEvent(TrainRequested)
  async requested(event: ReceivedEvent): Promise<void> {
    const request = readTrainRequest(event.data, event.id);
    // The gateway is the one that answers a request that cannot be read.
    if (!request.ok) return;
    const { runId, spec } = request;
    if (spec.evaluation.benchmarks.some(({ name }) => name === 'held-out')) return;
    await this.measure(event, runId, { subject: 'base', spec });
  }

  /** Changes nothing for a run whose base is measured already. */
  @OnEvent(DatasetPrepared)
  async prepared(event: ReceivedEvent<EventData<typeof DatasetPrepared>>): Promise<void> {
    const { runId, spec, dataset } = event.data;
    await this.measure(event, runId, { subject: 'base', spec, dataset });
  }

  @OnEvent(ModelMerged)
  async merged(event: ReceivedEvent<EventData<typeof ModelMerged>>): Promise<void> {
    await this.measure(event, event.data.runId, { subject: 'tuned', merged: event.data });
  }

  private async measure(event: ReceivedEvent, runId: string, input: MeasureInput): Promise<void> {
    await this.inbox.take(event, async (tx) => {
      await this.jobs.add(tx, {
        runId,
        kind: `measure-${input.subject}`,
        input,
        causationId: event.id,
        turn: event.turn,
        project: event.project,
      });
    });
  }
}
