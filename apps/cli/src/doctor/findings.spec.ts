import type { ServicePulse, SystemView } from '@anneal/contracts';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { hubCheck } from './hub.check.js';
import { diskFinding, memoryFinding, nodeFinding } from './machine.checks.js';
import { clockFinding, deadLettersFinding, servicesFinding } from './system.checks.js';

describe('the machine', () => {
  it.each([
    [nodeFinding('20.18.9'), 'broken'],
    [nodeFinding('20.19.0'), 'ok'],
    [nodeFinding('24.0.0'), 'ok'],
    [memoryFinding(4e9), 'warning'],
    [memoryFinding(16e9), 'ok'],
    [diskFinding(5e8, '/data', '--data'), 'broken'],
    [diskFinding(5e9, '/data', '--data'), 'warning'],
    [diskFinding(5e10, '/data', '--data'), 'ok'],
  ])('is found to be %o', (finding, state) => {
    expect(finding.state).toBe(state);
  });

  it('has a clock that agrees with the database, or is told by how much it does not', () => {
    expect(clockFinding(-1).state).toBe('ok');
    expect(clockFinding(60)).toMatchObject({
      state: 'warning',
      message: expect.stringContaining('60 s ahead') as string,
    });
    expect(clockFinding(-3600)).toMatchObject({
      state: 'broken',
      message: expect.stringContaining('3600 s behind') as string,
    });
  });
});

describe('the services', () => {
  const pulse = (change: Partial<ServicePulse>): ServicePulse => ({
    ...{ service: 'trainer', instance: 'i', version: '1.0.0', startedAt: '', at: '' },
    readiness: { status: 'up', parts: {} },
    ...change,
  });
  const system = (...services: ServicePulse[]): SystemView => ({ services, missing: [] });

  it('are well', () => {
    expect(servicesFinding(system(pulse({})), '1.0.0')).toEqual({
      state: 'ok',
      message: 'All 1 are ready, version 1.0.0.',
    });
  });

  it('are named when they are missing or lack something', () => {
    const parts = {
      store: { state: 'down' as const, reason: 'refuses connections' },
      broker: { state: 'up' as const },
    };
    const finding = servicesFinding(
      { services: [pulse({ readiness: { status: 'down', parts } })], missing: ['merger'] },
      '1.0.0',
    );
    expect(finding).toMatchObject({
      state: 'broken',
      message: 'Not all services work: merger was not heard; trainer: store refuses connections.',
    });
  });

  it('may be of another version for a while', () => {
    expect(servicesFinding(system(pulse({ version: '0.9.0' })), '1.0.0')).toMatchObject({
      state: 'warning',
      message: 'This is version 1.0.0, and there runs trainer 0.9.0.',
    });
  });

  it('are warned of when they set events aside', () => {
    const backlog = { ready: 0, running: 0, outbox: 0, deadLetters: 2 };
    expect(deadLettersFinding(system(pulse({ backlog }), pulse({})))).toMatchObject({
      state: 'warning',
      message: 'Events were set aside: 2 of trainer.',
    });
    expect(deadLettersFinding(system(pulse({}))).state).toBe('ok');
  });
});

describe('the Hub', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  async function hub(status: number): Promise<{ endpoint: string; asked: string[] }> {
    const asked: string[] = [];
    const started = createServer((request, response) => {
      asked.push(`${request.url ?? ''} ${request.headers.authorization ?? 'nobody'}`);
      response.writeHead(status).end('{}');
    });
    server = started;
    await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
    return { endpoint: `http://127.0.0.1:${(started.address() as AddressInfo).port}`, asked };
  }

  it('answers, with and without a token', async () => {
    const { endpoint, asked } = await hub(200);
    expect(await hubCheck({ endpoint, token: undefined }).run()).toMatchObject({ state: 'ok' });
    expect(await hubCheck({ endpoint, token: 'hf_x' }).run()).toMatchObject({ state: 'ok' });
    expect(asked).toEqual(['/api/models?limit=1 nobody', '/api/whoami-v2 Bearer hf_x']);
  });

  it('does not know a token, and the finding does not tell it', async () => {
    const { endpoint } = await hub(401);
    const finding = await hubCheck({ endpoint, token: 'hf_secret' }).run();
    expect(finding).toMatchObject({ state: 'broken' });
    expect(JSON.stringify(finding)).not.toContain('hf_secret');
  });

  it('may be away', async () => {
    expect(await hubCheck({ endpoint: 'http://127.0.0.1:9', token: undefined }).run()).toMatchObject({
      state: 'warning',
    });
    const { endpoint } = await hub(503);
    expect(await hubCheck({ endpoint, token: undefined }).run()).toMatchObject({
      state: 'warning',
      message: `${endpoint} answered 503.`,
    });
  });
});
