import { Failure, type OpenaiModel } from '@anneal/contracts';
import { CONFIG } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import type { GatewayConfig } from '../../gateway.config.js';
import type { Caller } from '../../keys/caller.js';
import type { JobRow } from '../jobs/job.row.js';
import { JobTable } from '../jobs/job.table.js';
import { toSeconds } from '../openai-id.js';

/** Where a job starts from. */
export interface BaseOfJob {
  /** Name of the base model, without what tuning it before added to it. */
  readonly name: string;
  /** As in model.base of a RunSpec. */
  readonly reference: string;
  readonly revision?: string | undefined;
}

/** Base models by the names of the configuration, and the models that were tuned here. */
@Injectable()
export class Models {
  private readonly since = new Date().toISOString();

  constructor(
    @Inject(CONFIG) private readonly config: GatewayConfig,
    private readonly jobs: JobTable,
  ) {}

  async list(caller: Caller): Promise<OpenaiModel[]> {
    const tuned = await this.jobs.tuned(caller.project);
    return [...this.config.MODELS.map(({ name }) => this.baseModel(name)), ...tuned.map(tunedModel)];
  }

  /** @throws Failure MODEL_NOT_FOUND */
  async find(caller: Caller, name: string): Promise<OpenaiModel> {
    if (this.config.MODELS.some((alias) => alias.name === name)) return this.baseModel(name);
    return { ...tunedModel(await this.tuned(caller, name)), id: name };
  }

  /** @throws Failure MODEL_NOT_FOUND, or FORBIDDEN for a base model */
  async delete(caller: Caller, name: string): Promise<void> {
    if (this.config.MODELS.some((alias) => alias.name === name)) {
      throw new Failure('FORBIDDEN', `${name} is a base model and cannot be deleted here.`, {
        remedy: 'The operator takes it out of MODELS.',
        field: 'model',
      });
    }
    await this.jobs.deleteModel((await this.tuned(caller, name)).id);
  }

  /** @throws Failure MODEL_NOT_FOUND with the names that are there */
  async base(caller: Caller, name: string): Promise<BaseOfJob> {
    const alias = this.config.MODELS.find((entry) => entry.name === name);
    if (alias) return alias;
    const { model, published_to: reference } = await this.tuned(caller, name);
    return { name: model, reference: reference ?? '' };
  }

  private async tuned({ project }: Caller, name: string): Promise<JobRow> {
    const job = await this.jobs.findTuned(project, name.replace(/:ckpt-step-\d+$/, ''));
    if (job) return job;
    const known = this.config.MODELS.map((alias) => alias.name);
    throw new Failure('MODEL_NOT_FOUND', `The model "${name}" does not exist here.`, {
      remedy: known.length > 0 ? `Base models are: ${known.join(', ')}.` : 'The operator names base models in MODELS.',
      field: 'model',
    });
  }

  private baseModel(name: string): OpenaiModel {
    return { id: name, object: 'model', created: toSeconds(this.since), owned_by: 'anneal' };
  }
}

function tunedModel({ tuned_model: id, created_at: created, project }: JobRow): OpenaiModel {
  return { id, object: 'model', created: toSeconds(created), owned_by: project };
}
