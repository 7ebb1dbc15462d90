import { ArtifactCache, ArtifactStore, resolveFileReference } from '@anneal/artifacts';
import type { AcceptedRunSpec } from '@anneal/contracts';
import { locateBaseModel, type LocatedModel } from '@anneal/engine';
import { CONFIG, isOffline } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import type { EvaluatorConfig } from './evaluator.config.js';

/** Brings base models here, wherever a RunSpec has them from. */
@Injectable()
export class BaseModels {
  constructor(
    @Inject(CONFIG) private readonly config: EvaluatorConfig,
    private readonly store: ArtifactStore,
    private readonly cache: ArtifactCache,
  ) {}

  locate(model: AcceptedRunSpec['model'], signal: AbortSignal): Promise<LocatedModel> {
    const { FILE_ROOTS: roots, WORK_DIR: workDir, ENGINE_PYTHON: python, HF_ENDPOINT, HF_TOKEN } = this.config;
    return locateBaseModel(model, {
      resolveFile: (reference) =>
        resolveFileReference(reference, { roots, field: 'model.base', missing: 'MODEL_NOT_FOUND' }),
      hub: { endpoint: HF_ENDPOINT, token: HF_TOKEN },
      offline: isOffline(this.config),
      engine: { python },
      workDir,
      store: this.store,
      cache: this.cache,
      signal,
    });
  }
}
