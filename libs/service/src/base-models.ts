import { join } from 'node:path';
import { ArtifactCache, ArtifactStore, resolveFileReference } from '@anneal/artifacts';
import type { AcceptedRunSpec } from '@anneal/contracts';
import { locateBaseModel, type LocatedModel } from '@anneal/engine';
import { Inject, Injectable } from '@nestjs/common';
import { isOffline } from './config.js';
import { CONFIG } from './tokens.js';

interface BaseModelsConfig {
  OFFLINE: boolean;
  HF_HUB_OFFLINE: boolean;
  FILE_ROOTS: readonly string[];
  WORK_DIR: string;
  ENGINE_PYTHON: string;
  HF_ENDPOINT: string;
  HF_TOKEN?: string | undefined;
}

/** Brings base models here, wherever a RunSpec has them from. For services that have the store, its cache and the engine. */
@Injectable()
export class BaseModels {
  constructor(
    @Inject(CONFIG) private readonly config: BaseModelsConfig,
    private readonly store: ArtifactStore,
    private readonly cache: ArtifactCache,
  ) {}

  /** @param folder of the job: a model of the registry is put below it, and is there as long as the folder is */
  locate(model: AcceptedRunSpec['model'], folder: string, signal: AbortSignal): Promise<LocatedModel> {
    const { FILE_ROOTS: roots, WORK_DIR: workDir, ENGINE_PYTHON: python, HF_ENDPOINT, HF_TOKEN } = this.config;
    return locateBaseModel(model, {
      resolveFile: (reference) =>
        resolveFileReference(reference, { roots, field: 'model.base', missing: 'MODEL_NOT_FOUND' }),
      hub: { endpoint: HF_ENDPOINT, token: HF_TOKEN },
      offline: isOffline(this.config),
      engine: { python },
      workDir,
      store: this.store,
      place: (artifact) => this.cache.place(artifact, join(folder, 'registry', artifact.digest), signal),
      signal,
    });
  }
}
