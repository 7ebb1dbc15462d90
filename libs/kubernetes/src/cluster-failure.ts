import { Failure } from '@anneal/contracts';
import { ApiError } from './cluster-client.js';

/**
 * The one place that turns errors of the API server into failures.
 *
 * @param what what was being done, as the rest of "could not ..."
 */
export function clusterFailure(error: unknown, what: string, namespace: string): Failure {
  if (error instanceof Failure) return error;
  if (!(error instanceof ApiError)) {
    const reason = error instanceof Error ? error.message : String(error);
    return new Failure('CLUSTER_UNAVAILABLE', `Could not ${what}: the API server cannot be reached: ${reason}.`, {
      remedy: 'Check that the cluster runs, and that this service may reach its API server.',
      cause: error,
    });
  }
  const { status, reason, message } = error;
  const refused = (remedy: string, retryable = false): Failure =>
    new Failure('CLUSTER_REFUSED', `Could not ${what}: ${message}.`, { remedy, retryable, cause: error });
  if (status === 403 && /exceeded quota/i.test(message)) {
    return refused(`It is tried again; or raise the ResourceQuota of the namespace ${namespace}.`, true);
  }
  if (status === 401 || status === 403) {
    return refused(`Give the account of this service the Role of docs/kubernetes.md in the namespace ${namespace}.`);
  }
  if (status === 404) return refused(`Check that the namespace ${namespace} is there and is not being deleted.`);
  if (status === 409) return refused('It is tried again, once what has the same name is gone.', true);
  if (status === 400 || status === 422) {
    return refused(`Check the KUBERNETES_ variables of this service (${reason || status}).`);
  }
  return new Failure('CLUSTER_UNAVAILABLE', `Could not ${what}: ${message}.`, {
    remedy: 'It is tried again; if it stays, look at the API server.',
    cause: error,
  });
}
