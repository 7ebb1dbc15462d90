import { Failure } from '@anneal/contracts';

/** What is not here, when it may not be fetched either. */
export function missingOffline(what: string, field?: string): Failure {
  return new Failure('SOURCE_OFFLINE', `${what} is not on this machine, and this service is offline.`, {
    remedy:
      'Fetch it once with a network and the same WORK_DIR, name a local file, or unset OFFLINE and HF_HUB_OFFLINE.',
    ...(field === undefined ? {} : { field }),
  });
}
