import { afterEach, describe, expect, it, vi } from 'vitest';
import { engineProcessEnv, fetchProcessEnv } from './engine-environment.js';

const engine = { python: '/engine/bin/python' };
afterEach(() => vi.unstubAllEnvs());

describe('the environment of an engine process', () => {
  it('takes nothing along from the service but where programs are, the language and the time zone', () => {
    vi.stubEnv('HF_TOKEN', 'hf_secret');
    vi.stubEnv('ACCELERATE_USE_FSDP', 'true');
    vi.stubEnv('PYTHONSTARTUP', '/home/user/start.py');
    vi.stubEnv('PATH', '/usr/bin');
    const environment = engineProcessEnv(engine, { home: '/job/home' });
    expect(Object.values(environment)).not.toContain('hf_secret');
    expect(environment).not.toHaveProperty('ACCELERATE_USE_FSDP');
    expect(environment).not.toHaveProperty('PYTHONSTARTUP');
    expect(environment['PATH']).toBe('/engine/bin:/usr/bin');
  });

  it('has no telemetry and no network, which Axolotl would wait for at its end', () => {
    expect(engineProcessEnv(engine, { home: '/job/home' })).toMatchObject({
      AXOLOTL_DO_NOT_TRACK: '1',
      DO_NOT_TRACK: '1',
      HF_HUB_OFFLINE: '1',
      HF_HOME: '/job/home/huggingface',
    });
  });

  it('shows the GPUs it is given, and none for the CPU', () => {
    expect(engineProcessEnv(engine, { home: '/h', gpus: [0, 2] })['CUDA_VISIBLE_DEVICES']).toBe('0,2');
    expect(engineProcessEnv(engine, { home: '/h', gpus: [0, 2] })).not.toHaveProperty('ACCELERATE_USE_CPU');
    expect(engineProcessEnv(engine, { home: '/h' })).toMatchObject({
      CUDA_VISIBLE_DEVICES: '',
      ACCELERATE_USE_CPU: 'true',
    });
  });

  it('takes the threads it is given, or all cores', () => {
    expect(engineProcessEnv(engine, { home: '/h', threads: 3 })['OMP_NUM_THREADS']).toBe('3');
    expect(Number(engineProcessEnv(engine, { home: '/h', threads: 0 })['OMP_NUM_THREADS'])).toBeGreaterThan(0);
  });

  it('names the files of the reporting plugin only when there are any', () => {
    expect(engineProcessEnv(engine, { home: '/h' })).not.toHaveProperty('ANNEAL_EVENTS');
    expect(engineProcessEnv(engine, { home: '/h', events: '/e', stopFile: '/s' })).toMatchObject({
      ANNEAL_EVENTS: '/e',
      ANNEAL_STOP_FILE: '/s',
    });
  });

  it('names the trace that the process belongs to', () => {
    expect(engineProcessEnv(engine, { home: '/h' })).not.toHaveProperty('TRACEPARENT');
    expect(engineProcessEnv(engine, { home: '/h', trace: { traceparent: '00-a-b-01' } })).toMatchObject({
      TRACEPARENT: '00-a-b-01',
    });
  });
});

it('only the fetching of a model has the network and the token', () => {
  const environment = fetchProcessEnv(engine, { home: '/h', endpoint: 'http://127.0.0.1:1', token: 'hf_secret' });
  expect(environment).not.toHaveProperty('HF_HUB_OFFLINE');
  expect(environment).toMatchObject({ HF_ENDPOINT: 'http://127.0.0.1:1', HF_TOKEN: 'hf_secret' });
});
