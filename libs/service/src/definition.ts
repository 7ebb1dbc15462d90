import type { ArtifactRef, Failure, Progress, ServiceName, StageName } from '@anneal/contracts';
import {
  JobWorker,
  type Backoff,
  type ClaimedJob,
  type Completion,
  type JobChoice,
  type JobKind,
  type MigrationClass,
  type Outbox,
  type WorkContext,
} from '@anneal/jobs';
import type { ProgressPublisher } from '@anneal/messaging';
import type { Tracer } from '@anneal/tracing';
import type { ModuleMetadata, Type } from '@nestjs/common';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { z } from 'zod';
import type { DataSource, EntityManager } from 'typeorm';
import type { BaseConfig } from './config.js';
import type { Logger } from './logging.js';
import type { Metrics } from './metrics.js';

/** The work of a stage: an injectable that does one kind of job. */
export interface StageWork<Input> {
  /** Does the job; what it returns is run in the transaction that marks the job done. */
  run(job: ClaimedJob<Input>, context: WorkContext): Promise<Completion>;
  /** The one place where this stage's foreign errors become failures with a code. */
  toFailure(error: unknown): Failure;
  /** How many jobs at once, where only the running service knows; as declared when left out. */
  readonly concurrency?: number;
  /** Which jobs it takes, where that depends on the host; any when left out. */
  readonly choice?: JobChoice;
  /** Stores what is to be looked at after a job that failed for good. */
  leaves?(job: ClaimedJob<unknown>): Promise<readonly ArtifactRef[]>;
  /** How long a job may take to end once its service stops, after the grace; 5 seconds when left out. */
  readonly endSeconds?: number;
  /** Says what is to be said when the work of a paused run has stopped, in the transaction that gives the job back. */
  paused?(job: ClaimedJob<unknown>, tx: EntityManager): Promise<void>;
}

/** What a worker is started with: where its work comes from, and whose it is. */
export interface WorkerHost {
  readonly stage: StageName;
  readonly dataSource: DataSource;
  readonly outbox: Outbox;
  readonly progress: ProgressPublisher;
  readonly leaseSeconds: number;
  readonly backoff?: Backoff;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly instanceOf: <Work>(work: Type<Work>) => Work;
}

export interface WorkerDeclaration extends Pick<JobKind, 'kind' | 'follows' | 'forget'> {
  start(host: WorkerHost): { stop(options: { graceMs: number }): Promise<void> };
}

/** Declares a worker: the kind of job it takes, the form of the job's input, and the injectable that does it. */
export function worker<Input>(declared: {
  kind: string;
  input: z.ZodType<Input>;
  work: Type<StageWork<Input>>;
  /** The stage whose word leads to such a job; the stage's own when another job of it does. */
  follows: JobKind['follows'];
  /** Forgets what the job did for a run, when the run is retried from here or from a stage before. */
  forget?: JobKind['forget'];
  /** How many jobs at once; one unless told otherwise. */
  concurrency?: number;
}): WorkerDeclaration {
  const { kind, input, work, follows, forget, concurrency = 1 } = declared;
  return {
    kind,
    follows,
    forget,
    start: ({ instanceOf, ...host }) => {
      const instance = instanceOf(work);
      const running = new JobWorker<Input>({
        ...host,
        kind,
        input,
        concurrency: instance.concurrency ?? concurrency,
        ...(instance.choice ? { choice: instance.choice } : {}),
        ...(instance.endSeconds === undefined ? {} : { endSeconds: instance.endSeconds }),
        work: (job, context) => instance.run(job, context),
        toFailure: (error) => instance.toFailure(error),
        leaves: async (job) => (await instance.leaves?.(job)) ?? [],
        onPaused: async (tx, job) => instance.paused?.(job, tx),
        onBegin: (job) => host.progress.publish(beginning(host.stage, job)),
        onRetry: (job, failure, nextTryAt) =>
          host.progress.publish(waitingForRetry(host.stage, job, failure, nextTryAt)),
        onEnded: (job, outcome, seconds) => {
          host.metrics.jobs.ended(kind, outcome, seconds);
          host.metrics.stage?.ended(job.runId);
        },
      });
      running.start();
      return running;
    },
  };
}

function beginning(stage: StageName, { runId, kind, token, attempt, startedAt }: ClaimedJob<unknown>): Progress {
  return {
    runId,
    stage,
    at: new Date().toISOString(),
    attempt,
    phase: 'starting',
    began: { work: kind, claim: Number(token), number: attempt, startedAt },
  };
}

function waitingForRetry(
  stage: StageName,
  { runId, attempt, maxAttempts }: ClaimedJob<unknown>,
  failure: Failure,
  nextTryAt: Date,
): Progress {
  return {
    runId,
    stage,
    at: new Date().toISOString(),
    attempt,
    phase: 'waiting to try again',
    retry: { maxAttempts, nextTryAt: nextTryAt.toISOString(), failure: failure.toDetail() },
  };
}

/** An injectable that takes calls beside HTTP. */
export interface Listener {
  /** @returns where it listens, HOST:PORT */
  listen(): Promise<string>;
  /** Takes no new calls, and lets those that are under way end within the grace. */
  close(options: { graceMs: number }): Promise<void>;
}

type FastifyOptions = NonNullable<ConstructorParameters<typeof FastifyAdapter>[0]>;

/** All that makes a service this service; the rest is the same for all six. */
export interface ServiceDefinition<Config extends BaseConfig = BaseConfig> {
  readonly name: ServiceName;
  readonly config: z.ZodType<Config>;
  readonly migrations: readonly MigrationClass[];
  readonly module: (config: Config) => Pick<ModuleMetadata, 'controllers' | 'providers' | 'imports'>;
  /** How its HTTP side is set up, beyond what all services have. */
  readonly http?: FastifyOptions;
  /** What listens beside HTTP, by the names of their addresses. */
  readonly listeners?: Readonly<Record<string, Type<Listener>>>;
  /** The stage that the workers belong to. */
  readonly stage?: StageName;
  readonly workers?: readonly WorkerDeclaration[];
}

export function defineService<Config extends BaseConfig>(
  definition: ServiceDefinition<Config>,
): ServiceDefinition<Config> {
  return definition;
}
