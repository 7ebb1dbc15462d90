import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactCache, ArtifactStore } from '@anneal/artifacts';
import { DeviceQueue } from '@anneal/devices';
import { mergeCommand, parityCommand } from '@anneal/engine';
import type { ClaimedJob, StopSignal } from '@anneal/jobs';
import { BaseModels, CONFIG } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { stringify } from 'yaml';
import type { MergeInput } from '../merge.input.js';
import type { MergerConfig } from '../merger.config.js';
import { endLeftover, runUnderSlot } from './engine.step.js';
import { mergeConfig, mergePaths } from './merge.config.js';
import type { LoraMerged, MergeHost, MergeOptions } from './merge.host.js';
import { overlayTokenizer, requireApplied } from './merged.model.js';
import { judgeParity } from './parity.js';
import { rowsIn } from './prompt.rows.js';
import { locateTrainedBase } from './trained.base.js';

/** Folds a LoRA adapter into its base model on the machine of the service, and proves the result. */
@Injectable()
export class LoraMerge implements MergeHost {
  /** There is one CPU. */
  readonly merges = 1;

  constructor(
    @Inject(CONFIG) private readonly config: MergerConfig,
    private readonly models: BaseModels,
    private readonly store: ArtifactStore,
    private readonly cache: ArtifactCache,
    private readonly devices: DeviceQueue,
  ) {}

  leave(job: Pick<ClaimedJob<unknown>, 'id'>, signal: StopSignal): Promise<void> {
    return this.devices.leave(job, signal);
  }

  async merge(job: ClaimedJob<MergeInput>, { folder, tell, context }: MergeOptions): Promise<LoraMerged> {
    const { signal } = context;
    const { spec, training, dataset } = job.input;
    // A merge is cheap: what a killed attempt left is not worth looking at.
    for (const step of ['merge', 'compare']) await endLeftover(join(folder, step));
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    tell('fetching');
    const base = await locateTrainedBase(this.models, job.input, folder, signal);
    await symlink(base, join(folder, mergePaths.base));
    await this.cache.place(training.artifact, join(folder, mergePaths.adapter), signal);
    const rows = await this.cache.place(dataset.artifact, join(folder, 'dataset'), signal);
    const prompts = join(rows, rowsIn(await readdir(rows)));
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
    const compared = await runUnderSlot('compare', comparing, run);
    const parity = judgeParity(compared, await readFile(join(base, 'config.json'), 'utf8'));
    tell('storing');
    return { artifact: await this.store.putDirectory('model', join(folder, merged), { signal }), parity };
  }
}
