import { Failure } from '@anneal/contracts';
import { HubApiError } from '@huggingface/hub';

/** The one place where errors of this stage become failures. */
export function toPublisherFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof HubApiError) return fromHub(error);
  // What `fetch` throws when there is no answer at all.
  if (error instanceof TypeError && error.message === 'fetch failed') {
    return new Failure('HUB_UNAVAILABLE', 'The Hub could not be reached.', {
      remedy: 'It is tried again; check the way to the Hub if it stays.',
      cause: error,
    });
  }
  if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') {
    return new Failure('DISK_FULL', 'The disk that holds the work folder is full.', {
      remedy: 'Free some space below WORK_DIR and request the run again.',
      cause: error,
    });
  }
  return new Failure('INTERNAL', `Publishing broke: ${error instanceof Error ? error.message : String(error)}.`, {
    remedy: 'It is tried again; if it stays, the log of the publisher has the details.',
    cause: error,
  });
}

function fromHub(error: HubApiError): Failure {
  const status = error.statusCode;
  if (status === 401 || status === 403) {
    return new Failure('PUBLISH_REFUSED', `The Hub refused the token with ${status}.`, {
      remedy: 'Give the publisher a token with write access to the repository.',
      field: 'publish.to',
      cause: error,
    });
  }
  if (status === 412 || status === 409) {
    return new Failure('PUBLISH_CONFLICT', 'Somebody else changed the repository meanwhile.', {
      remedy: 'It is tried again on top of the change.',
      cause: error,
    });
  }
  if (status === 429 || status >= 500) {
    return new Failure('HUB_UNAVAILABLE', `The Hub answered ${status}.`, {
      remedy: 'It is tried again.',
      cause: error,
    });
  }
  return new Failure('PUBLISH_REFUSED', `The Hub refused the model with ${status}.`, {
    remedy: 'Check publish.to: the owner, the name and the rights of the token.',
    field: 'publish.to',
    cause: error,
  });
}
