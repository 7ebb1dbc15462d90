import { EvaluationCompleted, RunCancelled, type ArtifactRef } from '@anneal/contracts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TestPublisher } from './publisher.fixture.js';
import { RegistryTarget } from './targets/registry.target.js';

let publisher: TestPublisher;
beforeAll(async () => {
  vi.stubEnv('HF_TOKEN', 'hf_writer');
  publisher = await TestPublisher.start();
}, 120_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await publisher?.stop();
});

const cancelled = (runId: string) => ({ runId, name: 'n', seconds: 1, by: 'somebody', turn: 1 });
/** What the publisher says about a run. */
async function allSaid({ runId }: { runId: string }) {
  const said = await publisher.allSaid(runId, 500);
  return said.map(({ definition: { name }, event: { data, causationId } }) => ({ name, data, causationId }));
}

describe('an evaluated run', () => {
  it('is published to the registry, and said once', async () => {
    const run = publisher.evaluation();
    await publisher.say(EvaluationCompleted, run, { id: 'registry-1' });
    expect(await allSaid(run)).toEqual([
      {
        name: 'ModelPublished',
        causationId: 'registry-1',
        data: {
          runId: run.runId,
          spec: run.spec,
          to: 'registry:home-control:latest',
          revision: publisher.artifact.digest,
          artifact: publisher.artifact,
          verdict: 'improved',
        },
      },
    ]);
    expect(await publisher.store.resolveTag('home-control')).toMatchObject({
      runId: run.runId,
      artifact: publisher.artifact,
    });
  });

  it('is published to the Hub, and said once, however often it is told', async () => {
    const run = publisher.evaluation({ to: 'hub:acme/told-often' });
    await Promise.all(
      [1, 2, 3].map((number) => publisher.say(EvaluationCompleted, run, { id: `often-${run.runId}-${number}` })),
    );
    const events = await allSaid(run);
    const { oid } = publisher.hub.repository('acme/told-often').head;
    expect(events).toMatchObject([{ name: 'ModelPublished', data: { to: 'hub:acme/told-often', revision: oid } }]);
    expect(publisher.hub.repository('acme/told-often').commits).toHaveLength(2);
  });

  it('that did not improve is withheld, with the rule that says so', async () => {
    const run = publisher.evaluation({}, 'regressed');
    await publisher.say(EvaluationCompleted, run);
    const rule = `publish.when is "improved", and the verdict is "regressed": ${run.evaluation.reason}`;
    expect(await allSaid(run)).toMatchObject([{ name: 'ModelWithheld', data: { rule, artifact: publisher.artifact } }]);
  });

  it('survives a Hub that loses its answer, with one commit and one event', async () => {
    publisher.hub.faults.add('commit', { kind: 'drop-answer' });
    const run = publisher.evaluation({ to: 'hub:acme/lost-answer' });
    await publisher.say(EvaluationCompleted, run);
    expect(await allSaid(run)).toMatchObject([{ name: 'ModelPublished' }]);
    expect(publisher.hub.repository('acme/lost-answer').commits).toHaveLength(2);
  });

  it('fails at once and by name when no token is there', async () => {
    const run = publisher.evaluation({ to: 'hub:acme/secret', tokenRef: 'env:HF_TOKEN_NOWHERE' });
    await publisher.say(EvaluationCompleted, run);
    expect(await allSaid(run)).toMatchObject([
      { name: 'StageFailed', data: { stage: 'publisher', attempts: 1, failure: { code: 'SECRET_MISSING' } } },
    ]);
    expect(publisher.hub.has('acme/secret')).toBe(false);
  });

  it('is left alone when the run was cancelled before', async () => {
    await publisher.stopService();
    const [run, next] = [publisher.evaluation(), publisher.evaluation()];
    // The word that the run is over may come before the evaluation or behind it.
    await publisher.say(RunCancelled, cancelled(run.runId));
    await publisher.say(EvaluationCompleted, run);
    await publisher.say(EvaluationCompleted, next);
    await publisher.startService();
    await allSaid(next);
    expect(publisher.said(run.runId)).toEqual([]);
  });
});

describe('the registry as a target', () => {
  it('comes to the same when an attempt died behind the tag', async () => {
    const run = publisher.evaluation({ to: 'registry:twice:v1' });
    const request = {
      runId: run.runId,
      input: run,
      to: 'registry:twice:v1',
      card: '# the card\n',
      signal: new AbortController().signal,
      commit: async () => undefined,
    };
    const target = new RegistryTarget(publisher.store);
    const first = await target.publish(request);
    const entry = await publisher.store.resolveTag('twice', 'v1');
    // The first attempt never reached its transaction; the service knows nothing of it.
    await publisher.say(EvaluationCompleted, run);
    expect(await allSaid(run)).toMatchObject([{ name: 'ModelPublished', data: first }]);
    expect(first).toEqual({ to: 'registry:twice:v1', revision: publisher.artifact.digest });
    expect(await publisher.store.resolveTag('twice', 'v1')).toEqual(entry);
    expect(entry.artifact).toEqual(publisher.artifact);
  });

  it('keeps the card beside the model', async () => {
    const { details } = await publisher.store.resolveTag('home-control');
    const card = await publisher.store.getFile(details.card as ArtifactRef, 'README.md');
    expect(card.toString()).toContain('# home-control');
  });
});
