import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Failure, type JobBody } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { FitCheck } from '../../estimates/fit.check.js';
import type { Caller } from '../../keys/caller.js';
import { RunRequests } from '../../runs/run.requests.js';
import type { FileRow } from '../files/file.row.js';
import { FileTable } from '../files/file.table.js';
import { Models } from '../models/models.js';
import { newOpenaiId } from '../openai-id.js';
import { RequestMemory, type Repetition } from '../request.memory.js';
import { settleHyperparameters } from './hyperparameters.js';
import { JobEventTable } from './job.event.table.js';
import type { JobRow } from './job.row.js';
import { JobTable } from './job.table.js';
import { runSpecOfJob } from './run-spec.of.job.js';

/** So long a job waits for the check of its files: many callers ask for one as soon as the file is here. */
const checkMs = 20_000;
const lookMs = 100;
/** As OpenAI has it: fewer examples teach nothing. */
const fewestRows = 10;

/** Makes a job: the run that does the work, and what callers of OpenAI know beside it, in one transaction. */
@Injectable()
export class Jobs {
  constructor(
    private readonly memory: RequestMemory,
    private readonly requests: RunRequests,
    private readonly files: FileTable,
    private readonly models: Models,
    private readonly table: JobTable,
    private readonly events: JobEventTable,
    private readonly fit: FitCheck,
  ) {}

  async create(caller: Caller, body: JobBody, repetition: Repetition): Promise<JobRow> {
    const base = await asParameter(this.models.base(caller, body.model));
    const training = await this.checkedFile(caller, body.training_file, 'training_file');
    const validation =
      typeof body.validation_file === 'string'
        ? await this.checkedFile(caller, body.validation_file, 'validation_file')
        : undefined;
    refuseOtherRows(body, training, 'training_file');
    if (validation) refuseOtherRows(body, validation, 'validation_file');
    const rows = training.rows ?? 0;
    if (rows < fewestRows) throw tooFewRows(training, rows);
    const hyperparameters = settleHyperparameters(body, rows);
    const seed = body.seed ?? randomInt(2_147_483_647);
    const request = { caller, call: 'fine_tuning/jobs', content: JSON.stringify(body), repetition };
    const jobId = newOpenaiId('ftjob-');
    const short = jobId.replace(/^ftjob-/, '');
    const fragment = body.anneal ?? {};
    const parts = { id: jobId, runName: `ft-${short}`, base, training, validation, hyperparameters, seed, fragment };
    const spec = runSpecOfJob(parts);
    await this.fit.demand(spec);
    const id = await this.memory.once(request, async (tx) => {
      await this.requests.startIn(tx, spec, caller.project);
      await this.table.insert(tx, {
        id: jobId,
        project: caller.project,
        model: base.name,
        tunedModel: `ft:${base.name}:${caller.project}:${body.suffix ?? ''}:${short}`,
        trainingFile: training.id,
        validationFile: validation?.id,
        hyperparameters,
        metadata: body.metadata ?? {},
        seed,
      });
      await this.events.tell(tx, jobId, { level: 'info', message: `Created fine-tuning job: ${jobId}` });
      return jobId;
    });
    return this.table.find(caller.project, id);
  }

  /** @throws Failure REQUEST_INVALID for a file whose rows are wrong, or not looked at yet */
  private async checkedFile({ project }: Caller, id: string, field: string): Promise<FileRow> {
    const file = await this.settledFile(project, id, field);
    if (file.status === 'processed' && file.purpose === 'fine-tune') return file;
    const said =
      file.status === 'error'
        ? `cannot be used: ${file.status_details ?? 'its rows are wrong'}`
        : file.status === 'uploaded'
          ? 'is still being checked'
          : 'is no training file';
    throw new Failure('REQUEST_INVALID', `The file ${id} ${said}${said.endsWith('.') ? '' : '.'}`, {
      remedy:
        file.status === 'uploaded'
          ? 'Wait until its status is "processed", as waitForProcessing of client.files does, and ask again.'
          : 'Correct the rows that are named and upload the file again.',
      field,
    });
  }

  private async settledFile(project: string, id: string, field: string): Promise<FileRow> {
    const giveUpAt = performance.now() + checkMs;
    for (;;) {
      const file = await asParameter(this.files.find(project, id, field));
      if (file.status !== 'uploaded' || performance.now() > giveUpAt) return file;
      await pause(lookMs);
    }
  }
}

/** What a body names and is not there is a wrong parameter, not a wrong address: 400, as OpenAI answers. */
async function asParameter<Found>(found: Promise<Found>): Promise<Found> {
  return found.catch((error: unknown) => {
    if (!(error instanceof Failure) || !['FILE_NOT_FOUND', 'MODEL_NOT_FOUND'].includes(error.code)) throw error;
    const { message, remedy, field } = error;
    throw new Failure('REQUEST_INVALID', message, { remedy, cause: error, ...(field ? { field } : {}) });
  });
}

/**
 * Pairs are no answers to be learnt, and the reverse.
 *
 * @throws Failure REQUEST_INVALID for a file of the other kind
 */
function refuseOtherRows({ method }: JobBody, { id, objective }: FileRow, field: string): void {
  const type = method?.type ?? 'supervised';
  if (objective === undefined || objective === (type === 'dpo' ? 'dpo' : 'sft')) return;
  const [holds, needs, other] =
    objective === 'dpo'
      ? ['preference pairs', 'rows with one answer each', 'dpo']
      : ['rows with one answer each', 'preference pairs (input, preferred_output, non_preferred_output)', 'supervised'];
  throw new Failure('REQUEST_INVALID', `The file ${id} holds ${holds}, and the method ${type} needs ${needs}.`, {
    remedy: `Send "method": {"type": "${other}"}, or a file of the other kind.`,
    field,
  });
}

function tooFewRows({ id }: FileRow, rows: number): Failure {
  return new Failure('REQUEST_INVALID', `The file ${id} has ${rows} rows, and a job needs at least ${fewestRows}.`, {
    remedy: 'Upload a file with more rows.',
    field: 'training_file',
  });
}
