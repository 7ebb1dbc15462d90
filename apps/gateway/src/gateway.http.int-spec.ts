import {
  apiError,
  DatasetPrepared,
  ModelPublished,
  RetryRequested,
  runView,
  StageFailed,
  systemView,
  TrainingCompleted,
  type ApiError,
  type RunView,
} from '@anneal/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestGateway } from './gateway.fixture.js';
import { sampleEvents, sampleRequest, sampleSpec, until } from '@anneal/testing';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.start();
}, 120_000);
afterAll(() => gateway.stop());

async function errorOf(response: Response, status: number): Promise<ApiError['error']> {
  expect(response.status).toBe(status);
  expect(response.headers.get('x-request-id')).toBeTruthy();
  const body: unknown = await response.json();
  expect(apiError.strict().parse(body)).toEqual(body);
  return apiError.parse(body).error;
}

async function runOf(response: Response, status: number): Promise<RunView> {
  expect(response.status).toBe(status);
  return runView.parse(((await response.json()) as { run: unknown }).run);
}

describe('starting a run', () => {
  it('takes JSON, gives the run an id, and says TrainRequested', async () => {
    const run = await runOf(await gateway.post('/api/runs', sampleRequest), 202);
    expect(run).toMatchObject({ state: 'running', name: sampleSpec(run.id).name });
    expect(run.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    await until('TrainRequested', () => gateway.namesOf(run.id).includes('TrainRequested'));
  });

  it('makes two runs of two requests with one name', async () => {
    const ids = await Promise.all(
      [1, 2].map(async () => {
        const answer = await gateway.post('/api/runs', { ...sampleRequest, name: 'twice' });
        expect(answer.status).toBe(202);
        return ((await answer.json()) as { run: { id: string } }).run.id;
      }),
    );
    expect(new Set(ids).size).toBe(2);
    const { runs } = (await (await gateway.call('/api/runs?name=twice')).json()) as { runs: { id: string }[] };
    expect(runs.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  });

  it('takes YAML', async () => {
    const yaml =
      'id: from-yaml\nmodel: { base: "file:/m" }\ndataset: { source: "file:/d.jsonl" }\ntraining: { method: full }\n';
    expect(await runOf(await gateway.post('/api/runs', yaml, 'application/yaml'), 202)).toMatchObject({
      id: 'from-yaml',
      spec: { training: { method: 'full', epochs: 1 } },
    });
  });

  it('answers the same request with the same run, and another one with a conflict', async () => {
    const request = { ...sampleRequest, id: 'again' };
    const first = await runOf(await gateway.post('/api/runs', request), 202);
    expect(await runOf(await gateway.post('/api/runs', request), 200)).toEqual(first);
    const other = await gateway.post('/api/runs', { ...request, training: { method: 'full' } });
    expect(await errorOf(other, 409)).toMatchObject({ code: 'RUN_CONFLICT', field: 'id' });
    expect((await gateway.run('again'))?.spec?.training.method).toBe('lora');
  });

  it('is one run when many ask for the same at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => gateway.post('/api/runs', { ...sampleRequest, id: 'crowd' })),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([...Array<number>(7).fill(200), 202]);
  });

  it('names every field at fault and starts nothing', async () => {
    const answer = await gateway.post('/api/runs', {
      ...sampleRequest,
      id: 'wrong',
      training: { method: 'x' },
      colour: 1,
    });
    const { code, problems } = await errorOf(answer, 400);
    expect(code).toBe('SPEC_INVALID');
    expect(problems?.map(({ field }) => field).toSorted()).toEqual(['colour', 'training.method']);
    expect(await gateway.run('wrong')).toBeUndefined();
  });

  it('can be tried without effect', async () => {
    const good = await gateway.post('/api/runs/validate', { ...sampleRequest, id: 'tried' });
    expect(good.status).toBe(200);
    expect(await good.json()).toMatchObject({ spec: { id: 'tried', training: { epochs: 1 } } });
    expect((await errorOf(await gateway.post('/api/runs/validate', {}), 400)).problems?.length).toBeGreaterThan(1);
    expect(await gateway.run('tried')).toBeUndefined();
  });
});

describe('the stream of all runs', () => {
  it('tells every change, and goes on from where a client was', async () => {
    await gateway.post('/api/runs', { ...sampleRequest, id: 'before-all' });
    // What happens once the answer has begun is told, and nothing from before.
    const stream = await gateway.call('/api/runs/watch');
    await gateway.post('/api/runs', { ...sampleRequest, id: 'seen-by-all' });
    await gateway.post('/api/runs/seen-by-all/cancel');
    const text = await seenUntil(stream, '"state":"cancelled"');
    expect(text).not.toContain('"id":"before-all"');
    const frames = text.split('\n\n');
    expect(frames.at(-2)).toContain('"id":"seen-by-all"');
    const place = Number(/^id: (\d+)$/m.exec(frames.at(-2) ?? '')?.[1]);
    const again = await gateway.call('/api/runs/watch', { headers: { 'last-event-id': String(place - 1) } });
    expect(await seenUntil(again, '\n\n')).toContain(`id: ${place}\n`);
  });
});

async function seenUntil(answer: Response, end: string): Promise<string> {
  let seen = '';
  for await (const chunk of answer.body ?? []) {
    seen += Buffer.from(chunk).toString();
    if (seen.includes(end)) return seen;
  }
  throw new Error(`the stream ended: ${seen}`);
}

describe('the system', () => {
  it('is seen as a whole, with what is missing', async () => {
    const system = await until('the gateway’s own pulse', async () => {
      const view = systemView.parse(await (await gateway.call('/api/system')).json());
      return view.services.length > 0 ? view : undefined;
    });
    expect(system.services).toMatchObject([
      {
        service: 'gateway',
        readiness: { status: 'up', parts: { store: { state: 'up' } } },
        backlog: { deadLetters: 0 },
      },
    ]);
    expect(system.missing).toEqual(['dataset', 'trainer', 'merger', 'evaluator', 'publisher']);
  });
});

describe('the list', () => {
  it('is newest first and goes on from any run', async () => {
    for (const id of ['page-1', 'page-2', 'page-3']) await gateway.post('/api/runs', { ...sampleRequest, id });
    const idsOf = async (query: string): Promise<string[]> => {
      const { runs } = (await (await gateway.call(`/api/runs?${query}`)).json()) as { runs: { id: string }[] };
      return runs.map(({ id }) => id);
    };
    expect(await idsOf('limit=2')).toEqual(['page-3', 'page-2']);
    expect(await idsOf('limit=1&before=page-2')).toEqual(['page-1']);
    await errorOf(await gateway.call('/api/runs?before=nobody'), 404);
    expect(await errorOf(await gateway.call('/api/runs?limit=1000'), 400)).toMatchObject({ field: 'limit' });
  });
});

describe('cancelling', () => {
  it('ends a run once and says so', async () => {
    await gateway.post('/api/runs', { ...sampleRequest, id: 'unwanted' });
    const run = await runOf(await gateway.post('/api/runs/unwanted/cancel'), 200);
    expect(run).toMatchObject({ state: 'cancelled' });
    expect(run.stages.every(({ state }) => state === 'cancelled')).toBe(true);
    expect(await errorOf(await gateway.post('/api/runs/unwanted/cancel', ''), 409)).toMatchObject({
      code: 'RUN_CONFLICT',
    });
    await errorOf(await gateway.post('/api/runs/nobody/cancel'), 404);
    const names = await until('RunCancelled', () => {
      const heard = gateway.namesOf('unwanted');
      return heard.includes('RunCancelled') ? heard : undefined;
    });
    expect(names).toEqual(['TrainRequested', 'CancelRequested', 'RunCancelled']);
  });
});

describe('steering', () => {
  const failure = { code: 'BAD_DATA', message: 'No.', remedy: 'None.', retryable: false } as const;
  const steer = (id: string, verb: string) => gateway.post(`/api/runs/${id}/${verb}`);

  it('pauses and resumes a run, each word with a higher turn', async () => {
    await gateway.post('/api/runs', { ...sampleRequest, id: 'waits' });
    expect(await runOf(await steer('waits', 'pause'), 200)).toMatchObject({ state: 'paused' });
    expect(await errorOf(await steer('waits', 'pause'), 409)).toMatchObject({ code: 'RUN_CONFLICT' });
    expect(await errorOf(await steer('waits', 'retry'), 409)).toMatchObject({ code: 'RUN_CONFLICT' });
    expect(await runOf(await steer('waits', 'resume'), 200)).toMatchObject({ state: 'running' });
    await errorOf(await steer('waits', 'resume'), 409);
    await runOf(await steer('waits', 'cancel'), 200);
    await until('RunCancelled', () => gateway.namesOf('waits').includes('RunCancelled'));
    const turns = gateway.heardOf('waits').flatMap(({ event }) => {
      const { turn } = event.data as { turn?: number };
      return turn === undefined ? [] : [turn];
    });
    expect(gateway.namesOf('waits').slice(1)).toEqual([
      'PauseRequested',
      'ResumeRequested',
      'CancelRequested',
      'RunCancelled',
    ]);
    expect(turns).toEqual([1, 2, 3]);
  });

  it('retries a failed run only', async () => {
    await gateway.post('/api/runs', { ...sampleRequest, id: 'fails' });
    await gateway.say(StageFailed, { runId: 'fails', stage: 'trainer', attempts: 1, failure });
    await gateway.runWhen('fails', ({ state }) => state === 'failed');
    const again = await runOf(await steer('fails', 'retry'), 200);
    expect(again).toMatchObject({ state: 'running' });
    expect(again.failure).toBeUndefined();
    await errorOf(await steer('nobody', 'retry'), 404);
  });

  it('retries from a stage what is over and published nothing, and takes no older word of that stage', async () => {
    const id = 'from-a-stage';
    const events = sampleEvents(id);
    const from = (stage: string) => gateway.post(`/api/runs/${id}/retry`, { from: stage });
    await gateway.post('/api/runs', { ...sampleRequest, id });
    await gateway.say(DatasetPrepared, events.prepared);
    await gateway.runWhen(id, ({ stages }) => stages[0]?.state === 'succeeded');
    expect(await errorOf(await from('trainer'), 409)).toMatchObject({ code: 'RUN_CONFLICT' });
    await runOf(await steer(id, 'cancel'), 200);
    await errorOf(await steer(id, 'retry'), 409);
    expect(await errorOf(await from('merger'), 409)).toMatchObject({ code: 'RUN_CONFLICT', field: 'from' });
    expect(await errorOf(await from('magic'), 400)).toMatchObject({ code: 'REQUEST_INVALID', field: 'from' });
    expect((await runOf(await from('trainer'), 200)).stages.map(({ state }) => state)).toEqual([
      'succeeded',
      ...Array<string>(4).fill('waiting'),
    ]);
    const said = await until('the word', () =>
      gateway.heardOf(id).find(({ definition }) => definition === RetryRequested),
    );
    expect(said.event.data).toMatchObject({ from: 'trainer', turn: 2 });
    await gateway.say(TrainingCompleted, { ...events.trained, training: { ...events.trained.training, steps: 1 } });
    await gateway.say(TrainingCompleted, events.trained, { turn: 2 });
    const run = await gateway.runWhen(id, ({ training }) => training !== undefined);
    expect(run.training?.steps).toBe(10);
    await gateway.say(ModelPublished, events.published, { turn: 2 });
    await gateway.runWhen(id, ({ state }) => state === 'succeeded');
    expect((await errorOf(await from('trainer'), 409)).message).toContain('published');
  });

  it('has one winner when a run is cancelled while it fails', async () => {
    const ids = Array.from({ length: 12 }, (_, n) => `race-${n}`);
    await Promise.all(ids.map((id) => gateway.post('/api/runs', { ...sampleRequest, id })));
    await Promise.all(
      ids.flatMap((id) => [
        gateway.say(StageFailed, { runId: id, stage: 'trainer', attempts: 1, failure }),
        steer(id, 'cancel'),
      ]),
    );
    for (const id of ids) {
      const run = await gateway.runWhen(id, ({ state }) => state !== 'running');
      const closing = await until('a closing word', () => {
        const words = gateway.namesOf(id).filter((name) => name === 'RunFailed' || name === 'RunCancelled');
        return words.length > 0 ? words : undefined;
      });
      expect(closing).toEqual([run.state === 'failed' ? 'RunFailed' : 'RunCancelled']);
    }
  });
});

describe('the edge', () => {
  it('asks for the key on all of the API and on nothing else', async () => {
    const refused: [string, string][] = [
      ['/api/runs', ''],
      ['/api/runs', `${gateway.apiKey.slice(0, -1)}x`],
      ['/api/runs/x/watch', ''],
      ['/%61pi/runs', ''],
      ['/api/nothing', ''],
    ];
    for (const [path, key] of refused) {
      const response = await gateway.call(path, { key });
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      expect(await errorOf(response, 401)).toMatchObject({ code: 'UNAUTHORIZED' });
    }
    for (const path of ['/health/live', '/health/ready', '/metrics']) {
      expect((await gateway.call(path, { key: '' })).status).toBe(200);
    }
  });

  it('refuses without a key before it reads a body', async () => {
    const response = await gateway.call('/api/runs', {
      key: '',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: 'not json',
    });
    await errorOf(response, 401);
  });

  it('answers every failure in one form', async () => {
    await errorOf(await gateway.call('/api/nothing'), 404);
    await errorOf(await gateway.call('/nothing'), 404);
    await errorOf(await gateway.call('/api/runs', { method: 'DELETE' }), 404);
    expect((await errorOf(await gateway.post('/api/runs', '{"model":'), 400)).code).toBe('REQUEST_INVALID');
    expect((await errorOf(await gateway.post('/api/runs', 'a: [', 'text/yaml'), 400)).problems).toHaveLength(1);
    await errorOf(await gateway.post('/api/runs', ''), 400);
    await errorOf(await gateway.post('/api/runs', 'a=b', 'application/x-www-form-urlencoded'), 415);
    await errorOf(await gateway.post('/api/runs', 'hello', 'text/plain'), 415);
    await errorOf(await gateway.post('/api/runs', `"${'x'.repeat(1024 * 1024)}"`), 413);
    expect((await errorOf(await gateway.call('/api/runs/nobody'), 404)).code).toBe('RUN_NOT_FOUND');
  });

  it('tells browsers to keep, run and frame nothing, on every answer', async () => {
    for (const path of ['/health/live', '/api/runs', '/api/nothing', '/v1/models']) {
      const { headers } = await gateway.call(path);
      expect(headers.get('content-security-policy'), path).toBe("default-src 'none'; frame-ancestors 'none'");
      expect(headers.get('x-content-type-options'), path).toBe('nosniff');
      expect(headers.get('cache-control'), path).toBe('no-store');
      expect(headers.get('referrer-policy'), path).toBe('no-referrer');
      expect([...headers.keys()].filter((name) => name === 'server' || name === 'x-powered-by')).toEqual([]);
    }
  });

  it('lets pages of the listed origins call, and of no other', async () => {
    const asked = (origin: string, method: string, key?: string) =>
      gateway.call('/api/runs', { method, headers: { origin }, ...(key === undefined ? {} : { key }) });
    const listed = 'https://tools.example.com';
    const before = await asked(listed, 'OPTIONS', '');
    expect([before.status, before.headers.get('access-control-allow-origin')]).toEqual([204, listed]);
    expect(before.headers.get('access-control-allow-headers')).toContain('authorization');
    expect((await asked(listed, 'GET')).headers.get('access-control-allow-origin')).toBe(listed);
    expect((await asked(listed, 'GET', '')).status).toBe(401);
    for (const other of ['https://evil.example.com', 'null', 'https://tools.example.com.evil.example']) {
      const refused = await asked(other, 'OPTIONS', '');
      expect([refused.status, (await asked(other, 'GET')).headers.get('access-control-allow-origin')]).toEqual([
        401,
        null,
      ]);
      expect(refused.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  it('keeps a request id that was given, and makes one when it is odd', async () => {
    const given = await gateway.call('/health/live', { headers: { 'x-request-id': 'mine-1' } });
    expect(given.headers.get('x-request-id')).toBe('mine-1');
    const odd = await gateway.call('/health/live', { headers: { 'x-request-id': '<script>' } });
    expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});
