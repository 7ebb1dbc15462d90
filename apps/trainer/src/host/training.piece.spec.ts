import type { ClaimedJob } from '@anneal/jobs';
import { describeJob } from '@anneal/pods';
import { sampleSpec } from '@anneal/testing';
import { describe, expect, it } from 'vitest';
import type { TrainInput } from '../train.input.js';
import { trainerConfig } from '../trainer.config.js';
import { trainingPiece } from './training.piece.js';

const environment = {
  ...{
    NATS_URL: 'nats://127.0.0.1:4222',
    POSTGRES_URL: 'postgres://127.0.0.1/anneal',
    ENGINE_PYTHON: '/usr/bin/python3',
  },
  ...{ S3_ENDPOINT: 'http://127.0.0.1:9000', S3_ACCESS_KEY: 'access', S3_SECRET_KEY: 'secret' },
  ...{ TRAINING_HOST: 'kubernetes', KUBERNETES_IMAGE: 'registry.example.com/engine:1' },
};
const job: ClaimedJob<TrainInput> = {
  ...{ id: '5f0c8f5e-7f0e-4a0f-8d54-0d5f3c9b1c11', runId: 'math', kind: 'train', attempt: 1, maxAttempts: 5 },
  ...{ outages: 0, startedAt: '', token: '3', turn: 0, causationId: undefined, project: 'default' },
  input: { spec: sampleSpec('math'), dataset: {} as TrainInput['dataset'] },
};
const start = { start: 's', yaml: 'a: 1\n', configDigest: 'd', inputs: [], secondsLeft: undefined };
const describeIn = (extra: Record<string, string>, secondsLeft?: number) => {
  const config = trainerConfig.parse({ ...environment, ...extra });
  const piece = trainingPiece(config, job, { device: 'gpu', processes: 2 }, { ...start, secondsLeft });
  return describeJob(config, { installation: 'anneal', work: 'training' }, piece);
};

describe('the Job that an operator asks for', () => {
  it('starts the runner, which starts Accelerate with what Kubernetes fills in', () => {
    const { command, args, env } = describeIn({});
    expect(command).toEqual(['/opt/anneal/engine/bin/python', '-m', 'anneal_engine.pod_runner']);
    expect(args.slice(0, 4)).toEqual([
      '--',
      '/opt/anneal/engine/bin/accelerate',
      'launch',
      '--num_processes=$(NUM_PROCESSES)',
    ]);
    expect(args.at(-1)).toBe('$(YAML_FILE)');
    expect(env).toMatchObject({ HF_HUB_OFFLINE: '1', PYTHONPATH: '/anneal/libs/engine/python' });
    expect(env).not.toHaveProperty('CUDA_VISIBLE_DEVICES');
  });

  it('may take as long as the training is allowed, and wait for a node before', () => {
    expect(describeIn({}).maxSeconds).toBeUndefined();
    expect(describeIn({ KUBERNETES_SCHEDULE_SECONDS: '100' }, 3600).maxSeconds).toBe(3600 + 600 + 100);
    expect(describeIn({ KUBERNETES_SCHEDULE_SECONDS: '100' }, 0).maxSeconds).toBe(700);
  });

  it.each([
    ['KUBERNETES_NODE_SELECTOR', 'pool'],
    ['KUBERNETES_HOSTS', 'many'],
    ['KUBERNETES_QUEUE', 'Not A Name'],
    ['KUBERNETES_MEMORY_GB', '64Gi'],
    ['KUBERNETES_INSTALLATION', 'a,b=c'],
    ['TRAINING_HOST', 'kubernete'],
  ])('is refused when %s is %s', (name, value) => {
    const { error } = trainerConfig.safeParse({ ...environment, [name]: value });
    expect(error?.issues.map(({ path }) => path)).toEqual([[name]]);
  });
});
