import type { ClusterJob } from './cluster-job.js';

/** Three GPUs, and everything that an operator can set. */
export const sampleJob: ClusterJob = {
  identity: {
    work: 'training',
    installation: 'anneal',
    jobId: '5f0c8f5e-7f0e-4a0f-8d54-0d5f3c9b1c11',
    runId: 'gemma-2-2b-math',
    attempt: 2,
    turn: 0,
    token: '7',
    start: '0b54b1a5-3a39-4b8c-8f0c-3f6f5f7f8a01',
    inputs: '[]',
    configDigest: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  },
  image: 'registry.example.com/anneal-engine:1.0.0',
  command: ['/opt/anneal/engine/bin/python', '-m', 'anneal_engine.pod_runner'],
  args: [
    ...['--', '/opt/anneal/engine/bin/accelerate', 'launch', '--num_processes=$(NUM_PROCESSES)', '--num_machines=1'],
    ...['--multi_gpu', '--main_process_port=29500', '-m', 'axolotl.cli.train', '$(YAML_FILE)'],
  ],
  env: { HOME: '/work/home', ANNEAL_WORK: '/work' },
  variables: { NUM_PROCESSES: '3', YAML_FILE: '/etc/anneal/axolotl.yaml', MODEL_NAME: 'gemma-2-2b-math' },
  files: { 'axolotl.yaml': 'base_model: model\n' },
  resources: { gpus: 3, cpus: 8, memory: 64, disk: 200, sharedMemory: 8 },
  maxSeconds: 7200,
  graceSeconds: 120,
  settings: {
    gpuResource: 'nvidia.com/gpu',
    queue: 'gpu-queue',
    cacheClaim: 'models',
    nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-RTX-6000-Ada-Generation' },
    pullSecret: 'registry',
    priorityClass: 'training',
    keepSeconds: 172_800,
  },
};

/** On the CPU, and nothing that can be left out. */
export const plainJob: ClusterJob = {
  ...sampleJob,
  variables: { ...sampleJob.variables, NUM_PROCESSES: '1' },
  maxSeconds: undefined,
  resources: { ...sampleJob.resources, gpus: 0 },
  settings: { gpuResource: 'nvidia.com/gpu', nodeSelector: {}, keepSeconds: 60 },
};
