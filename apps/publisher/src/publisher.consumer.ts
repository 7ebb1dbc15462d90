import { EvaluationCompleted, type EventData, type ReceivedEvent } from '@anneal/contracts';
import { Inbox, JobQueue } from '@anneal/jobs';
import { OnEvent } from '@anneal/messaging';
import { Controller } from '@nestjs/common';
import type { PublishInput } from './publish.input.js';

/** Some ten minutes of patience: the Hub may be away for a while, and the run has cost hours. */
const maxAttempts = 10;

@Controller()
export class PublisherConsumer {
  constructor(
    private readonly inbox: Inbox,
    private readonly jobs: JobQueue,
  ) {}

  @OnEvent(EvaluationCompleted)
  async evaluated(event: ReceivedEvent<EventData<typeof EvaluationCompleted>>): Promise<void> {
    const input: PublishInput = event.data;
    await this.inbox.take(event, async (tx) => {
      await this.jobs.add(tx, {
        runId: event.runId,
        kind: 'publish',
        input,
        causationId: event.id,
        turn: event.turn,
        project: event.project,
        maxAttempts,
      });
    });
  }
}
