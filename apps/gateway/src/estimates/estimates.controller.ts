import { totalmem } from 'node:os';
import { ArtifactStore } from '@anneal/artifacts';
import { estimateRequest, Failure, type Estimate, type EstimateRequest } from '@anneal/contracts';
import { readHubModelSize, readStoredModelSize, type ModelSize } from '@anneal/engine';
import { missingOffline } from '@anneal/outbound';
import { correctionOf, estimateRun, modelShape, parseHosts, readModelConfig } from '@anneal/planning';
import { CONFIG, isOffline } from '@anneal/service';
import { Body, Controller, HttpCode, HttpStatus, Inject, Post } from '@nestjs/common';
import type { GatewayConfig } from '../gateway.config.js';
import { readRequest } from '../http/read-request.js';
import { trainingOf } from './estimate.training.js';
import { MeasuredTrainings } from './measured.trainings.js';

/** Whether a training would fit on hosts that are described; it touches none of them. */
@Controller('api/estimates')
export class EstimatesController {
  constructor(
    @Inject(CONFIG) private readonly config: GatewayConfig,
    private readonly measured: MeasuredTrainings,
    private readonly store: ArtifactStore,
  ) {}

  @Post()
  @HttpCode(HttpStatus.OK)
  async estimate(@Body() body: unknown): Promise<Estimate> {
    const request = readRequest(estimateRequest, body);
    const reference = request.model ?? 'the model';
    const hosts = parseHosts(request.hosts, totalmem());
    const size = await this.sizeOf(request);
    const model = modelShape(readModelConfig(size.config, reference), size.parameters);
    // Peaks are measured on GPUs only.
    const measurements = hosts.gpus === 0 ? [] : await this.measured.list();
    return estimateRun({
      reference,
      model,
      training: trainingOf(request),
      hosts,
      correction: correctionOf(measurements, model, request),
      data: { rows: request.rows, tokensPerRow: request.tokensPerRow },
    });
  }

  /** Files of this host are no caller's business, so a model is named by its configuration, in the registry or on the Hub. */
  private sizeOf({ model, revision, config }: EstimateRequest): Promise<ModelSize> {
    if (config !== undefined) return Promise.resolve({ config, parameters: undefined });
    if (model?.startsWith('registry:')) return readStoredModelSize(model, this.store);
    if (model === undefined || model.startsWith('file:')) {
      throw new Failure('REQUEST_INVALID', 'The request tells of no model that can be looked up from here.', {
        remedy: 'Send the config.json of the model as "config", or one of the registry or the Hub as "model".',
        field: 'model',
      });
    }
    if (isOffline(this.config)) throw missingOffline(`The size of ${model}`, 'model');
    return readHubModelSize(model.replace(/^hub:/, ''), revision, {
      endpoint: this.config.HF_ENDPOINT,
      token: undefined,
    });
  }
}
