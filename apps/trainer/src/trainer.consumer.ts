import { DatasetPrepared, type EventData, type ReceivedEvent } from '@anneal/contracts';
import { Inbox, JobQueue } from '@anneal/jobs';
import { OnEvent } from '@anneal/messaging';
import { Controller } from '@nestjs/common';
import type { TrainInput } from './train.input.js';

@Controller()
export class TrainerConsumer {
  constructor(
    private readonly inbox: Inbox,
    private readonly jobs: JobQueue,
  ) {}

  @OnEvent(DatasetPrepared)
  async prepared(event: ReceivedEvent<EventData<typeof DatasetPrepared>>): Promise<void> {
    const { runId, spec, dataset } = event.data;
    const input: TrainInput = { spec, dataset };
    await this.inbox.take(event, async (tx) => {
      await this.jobs.add(tx, {
        runId,
        kind: 'train',
        input,
        causationId: event.id,
        turn: event.turn,
        project: event.project,
        maxAttempts: 5,
      });
    });
  }
}
