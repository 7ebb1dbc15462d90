import { z } from 'zod';

/** The services of a run, in the order in which a run passes them. The gateway opens and closes it. */
export const serviceNames = ['gateway', 'dataset', 'trainer', 'merger', 'evaluator', 'publisher'] as const;
export type ServiceName = (typeof serviceNames)[number];

/** The stages of a run: every service but the gateway. */
export const stageNames = ['dataset', 'trainer', 'merger', 'evaluator', 'publisher'] as const;
export const stageName = z.enum(stageNames);
export type StageName = z.infer<typeof stageName>;

/** Who shares the GPUs fairly with others, and sees each other's runs. */
export const projectName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,40}$/, 'a project has 1 to 41 characters of a-z, 0-9 and -');
/** Everything belongs to it that comes in without a key of its own, and every event that names no project. */
export const defaultProject = 'default';

/**
 * An event as it is declared once, with its policy: who says it, who listens, on which subject and in which form. The
 * streams, the consumers and the permissions of every service follow from these declarations.
 */
export interface EventDefinition<Data extends z.ZodType = z.ZodType> {
  readonly name: string;
  /** NATS subject; it carries no version. */
  readonly subject: string;
  /** CloudEvents type; the version is part of it. */
  readonly type: string;
  readonly version: number;
  readonly producer: ServiceName | 'any stage';
  readonly consumers: readonly ServiceName[];
  readonly summary: string;
  readonly data: Data;
  /**
   * Set for the one event that people write by hand: bare JSON without headers is taken too. Its subject says for which
   * project it is, since the broker grants rights by subject and not by header.
   */
  readonly frontDoor?: boolean;
}

export type EventData<Definition extends EventDefinition> = z.output<Definition['data']>;

export function defineEvent<Data extends z.ZodType>(
  definition: Omit<EventDefinition<Data>, 'type' | 'version'> & { version?: number },
): EventDefinition<Data> {
  const version = definition.version ?? 1;
  return { ...definition, version, type: `${definition.subject}.v${version}` };
}

/** Where an event is said. Only one of the front door names a project other than the default in its subject. */
export function subjectOf({ subject, frontDoor }: EventDefinition, project: string = defaultProject): string {
  return frontDoor && project !== defaultProject ? `${subject}.${project}` : subject;
}

/** All subjects on which an event may be said, with the wildcards of NATS. */
export function subjectsOf({ subject, frontDoor }: EventDefinition): string[] {
  return frontDoor ? [subject, `${subject}.*`] : [subject];
}

/** An event with its envelope (CloudEvents 1.0), as a consumer sees it. */
export interface ReceivedEvent<Data = unknown> {
  /** Also the Nats-Msg-Id: the same event has the same id however often it is delivered. */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** RFC 3339. */
  readonly time: string;
  /** The run. Empty for an event of the front door that has not been read yet. */
  readonly runId: string;
  /** Id of the event that led to this one. */
  readonly causationId: string | undefined;
  /** The retry of a run, by its turn, that the work belongs to which says this; absent for the first time through. */
  readonly turn?: number;
  /** The project of the run; `defaultProject` where it says none. */
  readonly project?: string;
  /** Its place in the stream, where it was read from one. */
  readonly streamSequence?: number;
  readonly data: Data;
}
