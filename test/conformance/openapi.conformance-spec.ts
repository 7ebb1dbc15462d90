import { apiKeyScopes, type RunView } from '@anneal/contracts';
import { toFile, type OpenAI } from 'openai';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { baseModels } from './base-models.js';
import { connect } from './client.js';
import { Receiver } from './receiver.js';
import { complaintsOf, type Dictionaries } from './schemathesis.js';
import { goodRows, uploadRows } from './training-file.js';
import { trainedJob } from './training-job.js';

const { http, apiKey: first } = inject('endpoints');
/** In a project of its own, so that what is deleted at random belongs to nobody else. */
let apiKey: string;
let receiver: Receiver;
let there: Dictionaries;

beforeAll(async () => {
  receiver = await Receiver.open();
  apiKey = await newKey('openapi');
  there = await makeOneOfEach(connect({ apiKey }));
});
afterAll(async () => {
  // The other one may have been revoked at random.
  apiKey = await newKey('openapi');
  await cancelAll();
  receiver.close();
});

// A key is revoked at random, too: were it the one in use, all that follows would be refused.
it('the API does what its document says', { timeout: 300_000 }, async () => {
  expect(await complaintsOf({ http, apiKey }, there, '--exclude-tag', 'keys')).toBeUndefined();
});

it('the keys of the API do, too', { timeout: 300_000 }, async () => {
  expect(await complaintsOf({ http, apiKey: first }, there, '--include-tag', 'keys')).toBeUndefined();
});

async function native<Answer>(method: string, path: string, key: string, body?: object): Promise<Answer> {
  const headers = { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json' } : {}) };
  const answer = await fetch(`${http}${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  return (await answer.json()) as Answer;
}

async function newKey(project: string): Promise<string> {
  const wish = { name: project, project, scope: apiKeyScopes[1] };
  return (await native<{ text: string }>('POST', '/api/keys', first, wish)).text;
}

/** What random ids would never hit. */
async function makeOneOfEach(client: OpenAI): Promise<Dictionaries> {
  const job = await trainedJob(client);
  const spare = await uploadRows(client);
  const wish = { filename: 'train.jsonl', mime_type: 'application/jsonl', purpose: 'fine-tune' } as const;
  const upload = await client.uploads.create({ ...wish, bytes: goodRows.length });
  const part = await client.uploads.parts.create(upload.id, { data: await toFile(Buffer.from(goodRows), 'part') });
  const endpoint = await client.webhooks.create({
    name: 'here',
    url: receiver.url,
    event_types: ['fine_tuning.job.succeeded'],
  });
  return {
    runs: [job.id],
    jobs: [job.id],
    files: [job.training_file, ...job.result_files],
    'files-to-delete': [spare.id],
    uploads: [upload.id],
    parts: [part.id],
    models: [baseModels.plain, job.fine_tuned_model],
    endpoints: [endpoint.id],
    targets: [receiver.url],
    folders: ['file:/nowhere'],
  };
}

/** Runs that were started at random would keep the other files waiting. */
async function cancelAll(): Promise<void> {
  for (let before: string | undefined = undefined, more = true; more;) {
    const query: string = before === undefined ? '' : `&before=${before}`;
    const { runs } = await native<{ runs: RunView[] }>('GET', `/api/runs?limit=100${query}`, apiKey);
    const going = runs.filter(({ state }) => state === 'running' || state === 'paused');
    for (const { id } of going) await native('POST', `/api/runs/${id}/cancel`, apiKey);
    before = runs.at(-1)?.id;
    more = before !== undefined;
  }
}
