import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Failure } from '@anneal/contracts';

/**
 * A child whose process runs, with all of its pipes. Node tells what keeps one from starting in three ways: it throws, it
 * says so later, or it says so later and gives a child without pipes.
 *
 * @throws Failure ENGINE_MISSING when there is no such command; HOST_OUT_OF_MEMORY or INTERNAL, both retryable, when the
 * machine has no room for it now
 */
export async function startChild<Child extends ChildProcess>(command: string, spawn: () => Child): Promise<Child> {
  let reason: unknown;
  try {
    const child = spawn();
    if (child.pid !== undefined) return child;
    [reason] = (await once(child, 'error')) as [unknown];
  } catch (error) {
    reason = error;
  }
  throw startFailure(command, reason);
}

function startFailure(command: string, cause: unknown): Failure {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `${command} cannot be started: ${why}.`;
  switch (code) {
    case 'EMFILE':
    case 'ENFILE':
      return new Failure('INTERNAL', message, {
        remedy: 'Raise the limit of open files of the service or of the machine, or try again when it has less to do.',
        cause,
      });
    case 'EAGAIN':
      return new Failure('INTERNAL', message, {
        remedy: 'Raise the limit of processes of the account or of the container, or try again when it has less to do.',
        cause,
      });
    case 'ENOMEM':
      return new Failure('HOST_OUT_OF_MEMORY', message, {
        remedy: 'Give the machine more memory, or try again when it has less to do.',
        retryable: true,
        cause,
      });
    default:
      return new Failure('ENGINE_MISSING', message, {
        remedy: 'Check that it is installed and may be executed, and that the working directory exists.',
        cause,
      });
  }
}
