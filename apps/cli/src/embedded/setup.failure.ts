import { Failure } from '@anneal/contracts';
import type { SetupError } from '@anneal/setup';

/** The installers know no contracts: they run before anything is built. What they throw is the same failure. */
export function setupFailure(error: SetupError): Failure {
  return new Failure(error.code, error.message, { remedy: error.remedy, cause: error });
}
