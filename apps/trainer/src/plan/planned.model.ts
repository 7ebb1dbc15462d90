import { Failure, type BaseModel } from '@anneal/contracts';
import { pinBaseModel, type LocatedModel } from '@anneal/engine';
import type { BaseModels } from '@anneal/service';
import type { RunFolder } from '../training/run.folder.js';
import type { TrainInput } from '../train.input.js';

/**
 * The base model that a training was planned for.
 *
 * @throws Failure MODEL_INVALID when another one is in its place: what was trained on the old weights does not go on with them
 */
export async function locatePlannedModel(
  models: BaseModels,
  { spec }: TrainInput,
  planned: BaseModel,
  folder: RunFolder,
  signal: AbortSignal,
): Promise<LocatedModel> {
  const located = await models.locate(pinBaseModel(spec.model, planned), folder.path, signal);
  if (located.base.revision === planned.revision) return located;
  throw new Failure('MODEL_INVALID', `${planned.reference} is no longer the model that the training was planned for.`, {
    remedy: 'Put the weights back that were there, or retry the run from the trainer to begin anew with the new ones.',
    field: 'model.base',
  });
}
