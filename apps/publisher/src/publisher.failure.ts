import { Failure } from '@anneal/contracts';
import { HubApiError } from '@huggingface/hub';
import { z } from 'zod';

const spoken = z.object({ error: z.string() });

/** The one place where errors of this stage become failures. */
export function toPublisherFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof HubApiError) return fromHub(error);
  // What `fetch` throws when there is no answer, and when an answer breaks off.
  if (error instanceof TypeError && ['fetch failed', 'terminated'].includes(error.message)) {
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

/** The error itself is not kept as a cause: its message holds the URL, which for an upload is as good as a key. */
function fromHub(error: HubApiError): Failure {
  const { statusCode: status } = error;
  const said = `answered ${status}${saidBy(error)}`;
  // The store of large files has keys of its own, which run out during a slow upload; a new try gets new ones.
  const fromStore = !/\/api\/|\/info\/lfs\//.test(error.url);
  if (status === 429 || status >= 500 || fromStore) {
    return new Failure('HUB_UNAVAILABLE', `The Hub ${said}.`, { remedy: 'It is tried again.' });
  }
  if (status === 401 || status === 403) {
    return new Failure('PUBLISH_REFUSED', `The Hub refused the token: it ${said}.`, {
      remedy: 'Give the publisher a token with write access to the repository.',
      field: 'publish.to',
    });
  }
  if (status === 412 || status === 409) {
    return new Failure('PUBLISH_CONFLICT', 'Somebody else changed the repository meanwhile.', {
      remedy: 'It is tried again on top of the change.',
    });
  }
  return new Failure('PUBLISH_REFUSED', `The Hub refused the model: it ${said}.`, {
    remedy: 'Check publish.to: the owner, the name and the rights of the token.',
    field: 'publish.to',
  });
}

function saidBy({ data, requestId }: HubApiError): string {
  const said = spoken.safeParse(data).data?.error;
  const words = said === undefined ? '' : `, "${said.slice(0, 200)}"`;
  return requestId === undefined ? words : `${words} (request ${requestId})`;
}
