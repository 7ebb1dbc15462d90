import { WebhookTable } from '../webhooks/webhook.table.js';
import { Webhooks } from '../webhooks/webhooks.js';
import { WebhooksController } from '../webhooks/webhooks.controller.js';
import { FileChecks } from './files/file.checks.js';
import { FileTable } from './files/file.table.js';
import { Files } from './files/files.js';
import { FilesController } from './files/files.controller.js';
import { OpenaiHousekeeping } from './housekeeping.js';
import { JobEventTable } from './jobs/job.event.table.js';
import { JobEvents } from './jobs/job.events.js';
import { JobResults } from './jobs/job.results.js';
import { JobTable } from './jobs/job.table.js';
import { Jobs } from './jobs/jobs.js';
import { JobsController } from './jobs/jobs.controller.js';
import { Models } from './models/models.js';
import { ModelsController } from './models/models.controller.js';
import { RequestMemory } from './request.memory.js';
import { UploadTable } from './uploads/upload.table.js';
import { Uploads } from './uploads/uploads.js';
import { UploadsController } from './uploads/uploads.controller.js';

/** What answers below /v1, as the official clients of OpenAI expect it. */
export const openaiControllers = [
  FilesController,
  UploadsController,
  JobsController,
  ModelsController,
  WebhooksController,
];

export const openaiProviders = [
  RequestMemory,
  OpenaiHousekeeping,
  FileTable,
  FileChecks,
  Files,
  UploadTable,
  Uploads,
  JobTable,
  JobEventTable,
  JobEvents,
  JobResults,
  Jobs,
  Models,
  WebhookTable,
  Webhooks,
];
