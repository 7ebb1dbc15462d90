import { TrainingCompleted, type EventData, type ReceivedEvent } from '@anneal/contracts';
import { Inbox, JobQueue } from '@anneal/jobs';
import { OnEvent } from '@anneal/messaging';
import { Controller } from '@nestjs/common';
import type { MergeInput } from './merge.input.js';

@Controller()
export class MergerConsumer {
  constructor(
    private readonly inbox: Inbox,
    private readonly jobs: JobQueue,
  ) {}

  @OnEvent(TrainingCompleted)
  async trained(event: ReceivedEvent<EventData<typeof TrainingCompleted>>): Promise<void> {
    const input: MergeInput = event.data;
    await this.inbox.take(event, async (tx) => {
      await this.jobs.add(tx, {
        runId: event.data.runId,
        kind: 'merge',
        input,
        causationId: event.id,
        turn: event.turn,
        project: event.project,
      });
    });
  }
}
