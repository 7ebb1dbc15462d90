import { Failure, type BaseModel } from '@anneal/contracts';
import { modelShape, readModelConfig, type ModelShape } from '@anneal/planning';

/** The shape of a located model; undefined when its configuration does not tell, since it may train nevertheless. */
export function shapeOf(config: unknown, { reference, parameters }: BaseModel): ModelShape | undefined {
  try {
    return modelShape(readModelConfig(config, reference), parameters);
  } catch (error) {
    if (error instanceof Failure && error.code === 'MODEL_INVALID') return undefined;
    throw error;
  }
}
