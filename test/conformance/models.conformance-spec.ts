import { NotFoundError } from 'openai';
import { beforeAll, describe, expect, it } from 'vitest';
import { baseModels } from './base-models.js';
import { connect } from './client.js';
import { refusalOf } from './refusal.js';
import { trainedJob } from './training-job.js';

const client = connect();

async function listed(): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of client.models.list()) ids.push(id);
  return ids;
}

describe('models', () => {
  it('to start from are in the list', async () => {
    expect(await listed()).toEqual(expect.arrayContaining([baseModels.plain, baseModels.owned]));
  });

  it.each([baseModels.plain, baseModels.owned])('%s is there by its id', async (id) => {
    const model = await client.models.retrieve(id);
    expect(model).toMatchObject({ id, object: 'model' });
    expect(Number.isInteger(model.created)).toBe(true);
    expect(model.owned_by).not.toBe('');
  });

  it('to start from are not for clients to delete', async () => {
    const { status } = await refusalOf(client.models.delete(baseModels.plain));
    expect([400, 403]).toContain(status);
    expect(await listed()).toContain(baseModels.plain);
  });

  it('that nobody knows are not found', async () => {
    expect(await refusalOf(client.models.retrieve('acme/unknown'))).toBeInstanceOf(NotFoundError);
  });
});

describe('a tuned model', () => {
  let id: string;
  beforeAll(async () => {
    ({ fine_tuned_model: id } = await trainedJob(client, { model: baseModels.owned, suffix: 'models' }));
  });

  it('is named after its base, with owner and all', () => {
    expect(id).toMatch(/^ft:acme\/slash:default:models:.+$/);
  });

  it('is in the list and there by its id', async () => {
    expect(await listed()).toContain(id);
    const model = await client.models.retrieve(id);
    expect(model).toMatchObject({ id, object: 'model' });
    expect(Math.abs(model.created - Date.now() / 1000)).toBeLessThan(300);
  });

  it('is gone once it is deleted', async () => {
    expect(await client.models.delete(id)).toMatchObject({ id, object: 'model', deleted: true });
    expect(await listed()).not.toContain(id);
    const calls = [client.models.retrieve(id), client.models.delete(id)];
    for (const refused of await Promise.all(calls.map(refusalOf))) expect(refused).toBeInstanceOf(NotFoundError);
  });
});
