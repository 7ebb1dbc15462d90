import { z } from 'zod';
import { serviceNames, type ServiceName } from './event.js';

/** Something that a service cannot work without. */
export const healthPart = z
  .object({ state: z.enum(['up', 'down']), reason: z.string().optional().describe('Why it is down, one sentence.') })
  .meta({ id: 'HealthPart' });
export type HealthPart = z.infer<typeof healthPart>;

/** The answer of /health/ready. */
export const readiness = z
  .object({
    status: z.enum(['up', 'down', 'draining']),
    parts: z.record(z.string(), healthPart),
  })
  .meta({ id: 'Readiness' });
export type Readiness = z.infer<typeof readiness>;

export const backlog = z
  .object({
    ready: z.int().describe('Jobs that wait.'),
    running: z.int(),
    oldestSeconds: z.number().optional().describe('How long the oldest job that could run has waited.'),
    outbox: z.int().describe('Events that are written and not yet published.'),
    deadLetters: z.int().describe('Events that were set aside and not replayed.'),
  })
  .meta({ id: 'Backlog' });
export type Backlog = z.infer<typeof backlog>;

/** What every process of a service tells of itself every few seconds; whoever is interested listens. */
export const servicePulse = z
  .object({
    service: z.enum(serviceNames),
    instance: z.string().describe('Of this process, from its start to its end.'),
    version: z.string(),
    build: z.string().optional().describe('What the operator set as ANNEAL_BUILD, a commit for example.'),
    startedAt: z.iso.datetime(),
    at: z.iso.datetime(),
    readiness,
    backlog: backlog.optional().describe('Absent while the database does not answer.'),
  })
  .meta({ id: 'ServicePulse' });
export type ServicePulse = z.infer<typeof servicePulse>;

export const systemView = z
  .object({
    services: z.array(servicePulse),
    missing: z.array(z.enum(serviceNames)).describe('Services of which no process was heard for a while.'),
  })
  .meta({ id: 'SystemView' });
export type SystemView = z.infer<typeof systemView>;

export function pulseSubject(service: ServiceName): string {
  return `anneal.pulse.${service}`;
}
