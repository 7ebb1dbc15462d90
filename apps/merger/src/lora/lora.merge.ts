import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactCache } from '@anneal/artifacts';
import { Failure, type MergedModel } from '@anneal/contracts';
import { DeviceQueue } from '@anneal/devices';
import { mergeCommand, parityCommand, pinBaseModel } from '@anneal/engine';
import type { ClaimedJob, WorkContext } from '@anneal/jobs';
import { BaseModels, CONFIG } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { stringify } from 'yaml';
import type { MergeInput } from '../merge.input.js';
import type { MergerConfig } from '../merger.config.js';
import { endLeftover, runUnderSlot } from './engine.step.js';
import { mergeConfig, mergePaths } from './merge.config.js';
import { overlayTokenizer, requireApplied } from './merged.model.js';
import { judgeParity, mergeParity } from './parity.js';

interface MergeOptions {
  /** A folder of this merge alone. */
  readonly folder: string;
  readonly tell: (phase: string) => void;
  readonly context: WorkContext;
}

/** Folds a LoRA adapter into its base model and proves the result. */
@Injectable()
export class LoraMerge {
  constructor(
    @Inject(CONFIG) private readonly config: MergerConfig,
    private readonly models: BaseModels,
    private readonly cache: ArtifactCache,
    private readonly devices: DeviceQueue,
  ) {}

  /** @returns the folder of the merged model, below `folder` */
  async merge(
    job: ClaimedJob<MergeInput>,
    { folder, tell, context }: MergeOptions,
  ): Promise<{ directory: string; parity: MergedModel['parity'] }> {
    const { signal } = context;
    const { spec, training, dataset } = job.input;
    // A merge is cheap: what a killed attempt left is not worth looking at.
    for (const step of ['merge', 'compare']) await endLeftover(join(folder, step));
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    tell('fetching');
    const base = await this.models.locate(pinBaseModel(spec.model, training.base), signal);
    if (base.base.revision !== training.base.revision) throw otherBase(spec.model.base);
    await symlink(base.directory, join(folder, mergePaths.base));
    await symlink(await this.cache.materialise(training.artifact, signal), join(folder, mergePaths.adapter));
    const prompts = await rowsIn(await this.cache.materialise(dataset.artifact, signal));
    await writeFile(join(folder, 'merge.yaml'), stringify(mergeConfig(training.plan)));

    // Its steps take the lock of the CPU as well, since not everything on a host stands in this line.
    await this.devices.take(job, { device: 'cpu', wanted: 1, priority: spec.training.priority }, context);
    tell('merging');
    const engine = { python: this.config.ENGINE_PYTHON };
    const { adapter, output, merged } = mergePaths;
    const run = { job, folder, config: this.config, signal };
    const merging = mergeCommand(engine, { config: join(folder, 'merge.yaml'), adapter, output });
    requireApplied(await runUnderSlot('merge', merging, run));
    await overlayTokenizer(join(folder, adapter), join(folder, merged));

    tell('comparing with the adapter');
    const comparing = parityCommand(engine, { base: mergePaths.base, adapter, merged, prompts });
    const result = (await runUnderSlot('compare', comparing, run)).trim().split('\n').at(-1) ?? '';
    const found = mergeParity.parse(JSON.parse(result));
    judgeParity(found, await readFile(join(base.directory, 'config.json'), 'utf8'));
    const { targets, untouched, largestWeightDifference, largestLogitDifference, sameNextToken } = found;
    return {
      directory: join(folder, merged),
      parity: { targets, untouched, largestWeightDifference, largestLogitDifference, sameNextToken },
    };
  }
}

/** The rows of a prepared set; those of earlier versions are lines of JSON. */
async function rowsIn(dataset: string): Promise<string> {
  const names = await readdir(dataset);
  return join(dataset, names.includes('train.parquet') ? 'train.parquet' : 'train.jsonl');
}

function otherBase(reference: string): Failure {
  return new Failure('MERGE_MISMATCH', `${reference} is no longer the model that the adapter was trained on.`, {
    remedy: 'Put the weights back that were there when the training started, or train again.',
    field: 'model.base',
  });
}
