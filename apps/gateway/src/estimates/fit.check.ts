import { ArtifactStore, resolveFileReference } from '@anneal/artifacts';
import { Failure, type RunSpec } from '@anneal/contracts';
import { readHosts, type HostRow } from '@anneal/devices';
import { findKnownModel, readModelSize, readStoredModelSize, type ModelSize } from '@anneal/engine';
import {
  correctionOf,
  estimateRun,
  hostsOf,
  modelShape,
  readModelConfig,
  refusalOf,
  type ModelShape,
} from '@anneal/planning';
import { CONFIG, LOGGER, type Logger } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { GatewayConfig } from '../gateway.config.js';
import { MeasuredTrainings } from './measured.trainings.js';

/** Rows may be this short; a refusal at the door has to hold whatever they turn out to be. */
const shortest = 128;

/** Refuses a training that cannot fit on any host before anything is done for it, where that can be known without asking a Hub. */
@Injectable()
export class FitCheck {
  constructor(
    @Inject(CONFIG) private readonly config: GatewayConfig,
    @Inject(LOGGER) private readonly log: Logger,
    private readonly dataSource: DataSource,
    private readonly measured: MeasuredTrainings,
    private readonly store: ArtifactStore,
  ) {}

  /** @throws Failure DOES_NOT_FIT, with the figures of the host on which it comes closest */
  async demand(spec: RunSpec): Promise<void> {
    const refusal = await this.refusal(spec);
    if (refusal) throw refusal;
  }

  /** The same for whoever cannot be told at once; undefined when it may fit, or is forced. */
  async refusal(spec: RunSpec): Promise<Failure | undefined> {
    if (spec.training.force) return undefined;
    return this.refusalOf(spec).catch((error: unknown) => {
      // Whatever else is wrong with the model, the stage that needs it says so.
      this.log.debug({ err: error }, 'it is not known at the door whether a training fits');
      return undefined;
    });
  }

  private async refusalOf(spec: RunSpec): Promise<Failure | undefined> {
    const hosts = (await readHosts(this.dataSource)).filter(({ service }) => service === 'trainer');
    const model = hosts.length === 0 ? undefined : await this.shapeOf(spec.model);
    if (!model) return undefined;
    const correction = correctionOf(await this.measured.list(), model, spec.training);
    const refusals: Failure[] = [];
    for (const host of hosts.toSorted((a, b) => memoryOf(b) - memoryOf(a))) {
      const { sequenceLength = Math.min(shortest, model.maxPositions ?? shortest) } = spec.training;
      const estimate = estimateRun({
        reference: spec.model.base,
        model,
        training: { ...spec.training, sequenceLength },
        hosts: hostsOf(host.gpus, host.memoryMiB * 1024 ** 2),
        correction: (strategy) => (host.gpus.length === 0 ? undefined : correction(strategy)),
        data: {},
      });
      const refusal = refusalOf(estimate);
      if (!refusal) return undefined;
      refusals.push(refusal);
    }
    return refusals[0];
  }

  private async shapeOf(model: RunSpec['model']): Promise<ModelShape | undefined> {
    const size = await this.sizeOf(model);
    return size && modelShape(readModelConfig(size.config, model.base), size.parameters);
  }

  private async sizeOf(model: RunSpec['model']): Promise<ModelSize | undefined> {
    if (model.base.startsWith('registry:')) return readStoredModelSize(model.base, this.store);
    const { FILE_ROOTS: roots, WORK_DIR: workDir } = this.config;
    const directory = await findKnownModel(model, {
      workDir,
      resolveFile: (reference) =>
        resolveFileReference(reference, { roots, field: 'model.base', missing: 'MODEL_NOT_FOUND' }),
    });
    return directory === undefined ? undefined : readModelSize(directory);
  }
}

function memoryOf({ gpus, memoryMiB }: HostRow): number {
  return gpus.length === 0 ? memoryMiB : gpus.reduce((all, gpu) => all + gpu.memoryMiB, 0);
}
