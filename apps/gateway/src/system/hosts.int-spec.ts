import { hostsView } from '@anneal/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestGateway } from '../gateway.fixture.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.start();
}, 120_000);
afterAll(() => gateway.stop());

const look = async (key = gateway.apiKey) => hostsView.parse(await (await gateway.call('/api/hosts', { key })).json());
const keyOf = async (project: string): Promise<string> => {
  const made = await gateway.post('/api/keys', { name: project, project });
  return ((await made.json()) as { text: string }).text;
};

it('says that there are none before any service has used a device', async () => {
  expect(await look()).toEqual({ hosts: [], queue: [] });
});

it('shows hosts, what holds their GPUs and who waits, and names runs to their own project only', async () => {
  const gpu = { index: 0, name: 'Made-up GPU', memoryMiB: 24_576 };
  await gateway.register('one', [gpu]);
  await gateway.asked({ runId: 'has', project: 'math', host: 'one', indices: [0] });
  await gateway.asked({ runId: 'waits', project: 'law' });
  const all = await look();
  expect(all.hosts).toMatchObject([
    { name: 'one', services: ['trainer'], gpus: [{ ...gpu, use: { runId: 'has', project: 'math' } }], cpu: {} },
  ]);
  expect(all.queue).toMatchObject([{ runId: 'waits', project: 'law', position: 1, wanted: 1, reservedOn: 'one' }]);
  const math = await look(await keyOf('math'));
  expect(math.hosts[0]?.gpus[0]?.use?.runId).toBe('has');
  expect(math.queue).toMatchObject([{ project: 'law', stage: 'trainer' }]);
  expect(math.queue[0]?.runId).toBeUndefined();
});
