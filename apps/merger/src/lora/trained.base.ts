import { Failure } from '@anneal/contracts';
import { pinBaseModel } from '@anneal/engine';
import type { BaseModels } from '@anneal/service';
import type { MergeInput } from '../merge.input.js';

/**
 * The folder of the model that the adapter was trained on.
 *
 * @param folder of the merge
 * @throws Failure MERGE_MISMATCH when it is another one by now
 */
export async function locateTrainedBase(
  models: BaseModels,
  { spec, training }: MergeInput,
  folder: string,
  signal: AbortSignal,
): Promise<string> {
  const { directory, base } = await models.locate(pinBaseModel(spec.model, training.base), folder, signal);
  if (base.revision === training.base.revision) return directory;
  throw new Failure('MERGE_MISMATCH', `${spec.model.base} is no longer the model that the adapter was trained on.`, {
    remedy: 'Put the weights back that were there when the training started, or train again.',
    field: 'model.base',
  });
}
