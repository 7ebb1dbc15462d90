import type { Check, Finding } from './check.js';

const answerMs = 15_000;
const local = 'Models and datasets as file: need no Hub.';

/** Whether models and datasets can be fetched, and whose token this is. */
export function hubCheck({ endpoint, token }: { endpoint: string; token: string | undefined }): Check {
  return { name: 'hub', run: () => hubFinding(endpoint, token) };
}

async function hubFinding(endpoint: string, token: string | undefined): Promise<Finding> {
  const path = token === undefined ? '/api/models?limit=1' : '/api/whoami-v2';
  const answer = await fetch(new URL(path, endpoint), {
    signal: AbortSignal.timeout(answerMs),
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
  }).catch((error: unknown) => error);
  if (!(answer instanceof Response)) {
    return {
      state: 'warning',
      message: `${endpoint} could not be reached.`,
      remedy: `Check the network and HF_ENDPOINT. ${local}`,
    };
  }
  await answer.body?.cancel();
  if (token !== undefined && [401, 403].includes(answer.status)) {
    return {
      state: 'broken',
      message: `${endpoint} does not know the token in HF_TOKEN.`,
      remedy: 'Make a new token in the settings of your account there, or unset HF_TOKEN.',
    };
  }
  if (answer.ok) {
    const how = token === undefined ? 'without a token, so gated models are out of reach' : 'and knows the token';
    return { state: 'ok', message: `${endpoint} answers, ${how}.` };
  }
  return { state: 'warning', message: `${endpoint} answered ${answer.status}.`, remedy: `Try again later. ${local}` };
}
