import {
  PauseRequested,
  ResumeRequested,
  RetryRequested,
  RunCancelled,
  RunFailed,
  type EventData,
  type ReceivedEvent,
  type StageName,
} from '@anneal/contracts';
import { Inbox, JobQueue, type RunCourse } from '@anneal/jobs';
import { OnEvent } from '@anneal/messaging';
import { Controller } from '@nestjs/common';

/** What every stage does when a run fails, is cancelled, paused, resumed or retried: it steers the run's jobs. */
@Controller()
export class RunCourseConsumer {
  constructor(
    private readonly inbox: Inbox,
    private readonly jobs: JobQueue,
  ) {}

  @OnEvent(RunFailed)
  async failed(event: ReceivedEvent<EventData<typeof RunFailed>>): Promise<void> {
    await this.steer(event, 'failed');
  }

  @OnEvent(RunCancelled)
  async cancelled(event: ReceivedEvent<EventData<typeof RunCancelled>>): Promise<void> {
    await this.steer(event, 'cancelled');
  }

  @OnEvent(PauseRequested)
  async paused(event: ReceivedEvent<EventData<typeof PauseRequested>>): Promise<void> {
    await this.steer(event, 'paused');
  }

  @OnEvent(ResumeRequested)
  async resumed(event: ReceivedEvent<EventData<typeof ResumeRequested>>): Promise<void> {
    await this.steer(event, 'going');
  }

  @OnEvent(RetryRequested)
  async retried(event: ReceivedEvent<EventData<typeof RetryRequested>>): Promise<void> {
    await this.steer(event, 'going', event.data.from);
  }

  private async steer(
    event: ReceivedEvent<{ runId: string; turn: number }>,
    course: RunCourse,
    from?: StageName,
  ): Promise<void> {
    const { runId, turn } = event.data;
    await this.inbox.take(event, async (tx) => {
      await this.jobs.steer(tx, runId, { course, turn, from });
    });
  }
}
