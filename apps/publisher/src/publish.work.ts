import { ModelPublished, ModelWithheld, type Failure } from '@anneal/contracts';
import { Outbox, type ClaimedJob, type Completion, type WorkContext } from '@anneal/jobs';
import { ProgressPublisher } from '@anneal/messaging';
import type { StageWork } from '@anneal/service';
import { Injectable } from '@nestjs/common';
import { decide } from './gate.js';
import { modelCard } from './model-card.js';
import type { PublishInput } from './publish.input.js';
import { toPublisherFailure } from './publisher.failure.js';
import { HubTarget } from './targets/hub.target.js';
import { RegistryTarget } from './targets/registry.target.js';

/** Lets the gate decide, and puts the very artifact that was evaluated where the RunSpec wants it. */
@Injectable()
export class PublishModelWork implements StageWork<PublishInput> {
  constructor(
    private readonly registry: RegistryTarget,
    private readonly hub: HubTarget,
    private readonly outbox: Outbox,
    private readonly progress: ProgressPublisher,
  ) {}

  async run(job: ClaimedJob<PublishInput>, context: WorkContext): Promise<Completion> {
    const { spec, merge, evaluation } = job.input;
    const { runId } = job;
    const { artifact } = merge;
    const { verdict } = evaluation;
    const decision = decide(spec.publish.when, evaluation);
    if (!decision.publish) {
      return async (tx) => {
        await this.outbox.add(tx, ModelWithheld, { runId, spec, rule: decision.rule, artifact, verdict }, job);
      };
    }
    this.progress.publish({
      runId,
      stage: 'publisher',
      at: new Date().toISOString(),
      attempt: job.attempt,
      phase: 'publishing',
    });
    const to = spec.publish.to ?? `registry:${spec.name}`;
    const target = to.startsWith('hub:') ? this.hub : this.registry;
    const published = await target.publish({
      runId,
      input: job.input,
      to,
      card: modelCard(runId, job.input),
      signal: context.signal,
      commit: (change) => context.commit(change),
    });
    return async (tx) => {
      await this.outbox.add(tx, ModelPublished, { runId, spec, ...published, artifact, verdict }, job);
    };
  }

  toFailure(error: unknown): Failure {
    return toPublisherFailure(error);
  }
}
