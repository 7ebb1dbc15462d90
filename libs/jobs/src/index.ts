export { createDataSource, keepAlive, openDatabase, type DataSourceSettings } from './database.js';
export { databaseError } from './postgres-errors.js';
export { prepareRoles, type ServiceRole } from './roles.js';
export { jobMigrations, type MigrationClass } from './migrations.js';
export { Inbox } from './inbox.js';
export { Outbox, type AdoptedEvent, type OutboxContext } from './outbox.js';
export { newUuidV7 } from './uuid-v7.js';
export { OutboxRelay } from './outbox-relay.js';
export type { OutboxRelayOptions, PublishEvent, StreamState } from './relay-options.js';
export { DeadLetterTable } from './dead-letter-table.js';
export {
  dropDeadLetter,
  findDeadLetter,
  listDeadLetters,
  markReplayed,
  withDatabase,
  type DatabaseClient,
  type DeadLetter,
  type StoredDeadLetter,
} from './dead-letters.js';
export type { JobKind } from './job-kinds.js';
export { JobQueue, type NewJob, type RunCourse } from './queue.js';
export { JobWorker } from './worker.js';
export type { JobChoice, JobWorkerOptions } from './worker-options.js';
export {
  attemptOutcomes,
  GiveBack,
  type AttemptOutcome,
  type ClaimedJob,
  type Completion,
  type StopReason,
  type StopSignal,
  type Work,
  type WorkContext,
} from './work.js';
export { retryDelayMs, type Backoff } from './retry-delay.js';
export type { Log } from './log.js';
