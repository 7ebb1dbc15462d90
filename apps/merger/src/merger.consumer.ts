import { RunCancelled, RunFailed, TrainingCompleted, type EventData, type ReceivedEvent } from '@anneal/contracts';
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
      await this.jobs.add(tx, { runId: event.data.runId, kind: 'merge', input, causationId: event.id });
    });
  }

  @OnEvent(RunFailed)
  async failed(event: ReceivedEvent<EventData<typeof RunFailed>>): Promise<void> {
    await this.drop(event);
  }

  @OnEvent(RunCancelled)
  async cancelled(event: ReceivedEvent<EventData<typeof RunCancelled>>): Promise<void> {
    await this.drop(event);
  }

  private async drop(event: ReceivedEvent<{ runId: string }>): Promise<void> {
    await this.inbox.take(event, async (tx) => {
      await this.jobs.cancelRun(tx, event.data.runId);
    });
  }
}
