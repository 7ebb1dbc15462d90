import { z } from 'zod';

/** What is read of the API server's objects. Everything else in them is passed over. */
const metadata = z.looseObject({
  name: z.string(),
  uid: z.string().default(''),
  resourceVersion: z.string().default(''),
  creationTimestamp: z.string().optional(),
  deletionTimestamp: z.string().optional(),
  deletionGracePeriodSeconds: z.number().optional(),
  labels: z.record(z.string(), z.string()).default({}),
  annotations: z.record(z.string(), z.string()).default({}),
});

const condition = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
  lastTransitionTime: z.string().nullish(),
});

export const job = z.looseObject({
  metadata,
  spec: z.looseObject({ suspend: z.boolean().nullish() }).optional(),
  status: z.looseObject({ conditions: z.array(condition).nullish() }).optional(),
});
export type Job = z.infer<typeof job>;

const containerState = z.looseObject({
  waiting: z.looseObject({ reason: z.string().optional(), message: z.string().optional() }).optional(),
  running: z.looseObject({}).optional(),
  terminated: z
    .looseObject({
      exitCode: z.int(),
      reason: z.string().optional(),
      signal: z.int().optional(),
      message: z.string().optional(),
      finishedAt: z.string().nullish(),
    })
    .optional(),
});

export const pod = z.looseObject({
  metadata,
  spec: z.looseObject({ nodeName: z.string().optional() }).optional(),
  status: z
    .looseObject({
      phase: z.string().optional(),
      reason: z.string().optional(),
      message: z.string().optional(),
      conditions: z.array(condition).nullish(),
      containerStatuses: z.array(z.looseObject({ name: z.string(), state: containerState.optional() })).nullish(),
    })
    .optional(),
});
export type Pod = z.infer<typeof pod>;

export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string().default('') }), items: z.array(item) });

export const watchLine = z.object({ type: z.string(), object: z.unknown() });
