import type { OpenAI } from 'openai';
import { baseModels } from './base-models.js';
import { until } from './patience.js';
import { uploadRows } from './training-file.js';

type Job = OpenAI.FineTuning.FineTuningJob;
type Method = OpenAI.FineTuning.JobCreateParams.Method;

/** What a job is asked for; `anneal` is no field of the client's types. */
export type Asked = OpenAI.FineTuning.JobCreateParams & { anneal?: object };

/** A method whose training has about as many steps as asked for; 36 of the good rows are left to train on. */
export function supervised(hyperparameters: NonNullable<Method['supervised']>['hyperparameters']): Method {
  return { type: 'supervised', supervised: { hyperparameters } };
}

/** Some hundred milliseconds of training. */
export const short = supervised({ n_epochs: 1, batch_size: 4, learning_rate_multiplier: 1 });
/** Long enough to be paused, with checkpoints on the way: some ten seconds. */
export const middling = supervised({ n_epochs: 8, batch_size: 1, learning_rate_multiplier: 1 });
/** Ends only by being cancelled. */
export const endless = supervised({ n_epochs: 50, batch_size: 1, learning_rate_multiplier: 1 });

/** A request for a short job on good rows, changed as asked. */
export async function jobRequest(client: OpenAI, change: Partial<Asked> = {}): Promise<Asked> {
  const training_file = change.training_file ?? (await uploadRows(client)).id;
  return { model: baseModels.plain, method: short, ...change, training_file };
}

export async function startJob(client: OpenAI, change: Partial<Asked> = {}): Promise<Job> {
  return client.fineTuning.jobs.create(await jobRequest(client, change));
}

/** Waits until a job has one of the statuses, some of which the client's types do not have. */
export async function jobWhen(client: OpenAI, id: string, ...statuses: readonly string[]): Promise<Job> {
  return until(`job ${id} to be ${statuses.join(' or ')}`, async () => {
    const job = await client.fineTuning.jobs.retrieve(id);
    if (statuses.includes(job.status)) return job;
    if (isFinal(job)) throw new Error(`job ${id} ended: ${JSON.stringify(job)}`);
    return undefined;
  });
}

function isFinal({ status }: Job): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled';
}

/** Starts a job and waits for its model. */
export async function trainedJob(
  client: OpenAI,
  change: Partial<Asked> = {},
): Promise<Job & { fine_tuned_model: string }> {
  const { id } = await startJob(client, change);
  const job = await jobWhen(client, id, 'succeeded');
  const { fine_tuned_model } = job;
  if (fine_tuned_model === null) throw new Error(`job ${id} has no model`);
  return { ...job, fine_tuned_model };
}
