import { Failure } from '@anneal/contracts';
import { errors } from '@nats-io/transport-node';

/** Whether the broker refused because the user lacks the right. */
export function isPermissionViolation(error: unknown): boolean {
  if (error instanceof errors.PermissionViolationError || error instanceof errors.AuthorizationError) return true;
  return error instanceof Error && error.cause !== undefined && isPermissionViolation(error.cause);
}

/** The one map from what the NATS client throws to a Failure. */
export function brokerFailure(error: unknown, doing: string): Failure {
  if (error instanceof Failure) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (isPermissionViolation(error)) {
    return new Failure('UNAUTHORIZED', `The broker refused ${doing}: ${reason}.`, {
      remedy: 'Check user and password in the NATS url and the rights of this user on the broker.',
      cause: error,
    });
  }
  return new Failure('BROKER_UNAVAILABLE', `The broker could not be used for ${doing}: ${reason}.`, {
    remedy: 'Check that the NATS server runs with JetStream and that its streams were created.',
    cause: error,
  });
}
