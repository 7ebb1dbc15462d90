import { expect, it } from 'vitest';
import { vllmCommand, vllmProcessEnv } from './vllm-command.js';

const engine = { python: '/vllm/bin/python' };

it('serves one model under the name of its folder, here alone, with settings of its own', () => {
  expect(vllmCommand(engine, { model: '/models/m one', port: 8123, gpus: 2 })).toEqual({
    command: '/vllm/bin/vllm',
    args: [
      'serve',
      '/models/m one',
      '--served-model-name=/models/m one',
      '--host=127.0.0.1',
      '--port=8123',
      '--generation-config=vllm',
      '--seed=0',
      '--tensor-parallel-size=2',
    ],
  });
});

it('sees its GPUs, reports to nobody, and keeps its caches in its own folder', () => {
  expect(vllmProcessEnv(engine, { home: '/job/home', gpus: [1] })).toMatchObject({
    CUDA_VISIBLE_DEVICES: '1',
    HF_HUB_OFFLINE: '1',
    DO_NOT_TRACK: '1',
    VLLM_NO_USAGE_STATS: '1',
    VLLM_CACHE_ROOT: '/job/home/vllm',
  });
});
