import { availableParallelism } from 'node:os';
import { hostConfigShape } from '@anneal/devices';
import { podConfigShape, workHost } from '@anneal/pods';
import { baseConfigShape, cacheConfigShape, fileRootsShape, storeConfigShape, workConfigShape } from '@anneal/service';
import { z } from 'zod';

export const trainerConfig = z.object({
  ...baseConfigShape,
  ...storeConfigShape,
  ...workConfigShape,
  ...cacheConfigShape,
  ...fileRootsShape,
  ...hostConfigShape,
  TRAINING_HOST: workHost('trainings'),
  ...podConfigShape,
  ENGINE_PYTHON: z.string().min(1).describe('Python of the environment that holds Axolotl.'),
  HF_ENDPOINT: z.url().default('https://huggingface.co').describe('Hub from which base models are fetched.'),
  HF_TOKEN: z.string().min(1).optional().describe('Token for gated models.'),
  DEVICE: z.enum(['auto', 'cpu']).default('auto').describe('auto takes the GPUs of the host, if there are any.'),
  TRAININGS: z.coerce
    .number()
    .int()
    .min(1)
    .max(256)
    .optional()
    .describe(
      'Trainings that this service holds at once, running and waiting for devices; 32 on a host with GPUs, else 1. With several hosts, as many as run side by side, so that none waits here while another host is idle.',
    ),
  CPU_PROCESSES: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe('Processes of a training on the CPU, which share the rows of each step.'),
  THREADS: z.coerce
    .number()
    .int()
    .min(1)
    .default(availableParallelism())
    .describe('Threads of a training process; those on the CPU share them. All cores when left out.'),
  ON_STOP: z
    .enum(['leave', 'checkpoint'])
    .default('leave')
    .describe(
      'leave: a training goes on without the service and is adopted later. checkpoint: it writes one and ends.',
    ),
  CHECKPOINT_UPLOAD_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .default(300)
    .describe('At most how often the newest checkpoint of a training goes to the object store, for another host.'),
  CHECKPOINTS_KEPT: z.coerce
    .number()
    .int()
    .min(1)
    .default(2)
    .describe('Newest checkpoints of a training that goes on that stay in the object store.'),
  CHECKPOINTS_KEPT_ENDED: z.coerce
    .number()
    .int()
    .min(0)
    .default(0)
    .describe(
      'Newest checkpoints that stay there when a training succeeded or was cancelled; nothing goes on from them.',
    ),
  CHECKPOINT_FAILED_DAYS: z.coerce
    .number()
    .int()
    .min(0)
    .default(7)
    .describe('How long the newest checkpoint of a failed training stays there, for a retry to go on from.'),
  ADOPT_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .default(900)
    .describe('How long a training that was left running waits for a service to adopt it before it is ended.'),
  START_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .default(5_400)
    .describe('How long a training may say nothing before its first step; preparing many rows takes its time.'),
  SILENT_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .default(600)
    .describe('How long a training may say nothing between steps; 20 times its usual step when that is longer.'),
  DISK_RESERVE_MB: z.coerce
    .number()
    .int()
    .min(0)
    .default(512)
    .describe('Room that has to stay free on the disk of WORK_DIR, or a training is ended.'),
  CHECKPOINT_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(3600)
    .default(120)
    .describe('How long a stopped training may take to write its checkpoint before it is killed.'),
});
export type TrainerConfig = z.infer<typeof trainerConfig>;
