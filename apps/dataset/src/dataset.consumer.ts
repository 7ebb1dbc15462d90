import { readTrainRequest, TrainRequested, type ReceivedEvent } from '@anneal/contracts';
import { Inbox, JobQueue } from '@anneal/jobs';
import { OnEvent } from '@anneal/messaging';
import { Controller } from '@nestjs/common';
import type { PrepareInput } from './prepare.input.js';

@Controller()
export class DatasetConsumer {
  constructor(
    private readonly inbox: Inbox,
    private readonly jobs: JobQueue,
  ) {}

  @OnEvent(TrainRequested)
  async requested(event: ReceivedEvent): Promise<void> {
    const request = readTrainRequest(event.data, event.id);
    // The gateway is the one that answers a request that cannot be read.
    if (!request.ok) return;
    const { runId, spec } = request;
    const input: PrepareInput = { spec };
    await this.inbox.take(event, async (tx) => {
      const { id: causationId, turn, project } = event;
      await this.jobs.add(tx, { runId, kind: 'prepare', input, causationId, turn, project });
    });
  }
}
