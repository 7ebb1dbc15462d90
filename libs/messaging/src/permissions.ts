import { eventList, pulseSubject, subjectsOf, type ServiceName } from '@anneal/contracts';
import { durableStream, progressStream } from './topology.js';

export interface Permissions {
  readonly publish: string[];
  readonly subscribe: string[];
}

/**
 * What a service's user may do on the broker: say its own events and progress, read its own consumer, hear answers on
 * its own inbox. Streams and consumers are created by another user.
 */
export function permissionsOf(service: ServiceName): Permissions {
  const isStage = service !== 'gateway';
  const ownEvents = eventList
    .filter(({ producer }) => producer === service || (producer === 'any stage' && isStage))
    .flatMap(subjectsOf);
  const stream = durableStream.name;
  return {
    publish: [
      ...ownEvents,
      pulseSubject(service),
      ...(isStage ? [`anneal.progress.*.${service}`] : readProgress()),
      `$JS.API.CONSUMER.INFO.${stream}.${service}`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${service}`,
      // The relay compares the stream's age and length with what it has published.
      `$JS.API.STREAM.INFO.${stream}`,
      // Both forms of the acknowledgement subject: newer servers may switch to the second one.
      `$JS.ACK.${stream}.${service}.>`,
      `$JS.ACK.*.*.${stream}.${service}.>`,
    ],
    subscribe: [`_INBOX_${service}.>`, ...(isStage ? [] : ['anneal.pulse.*'])],
  };
}

// An ordered consumer is created and deleted by its reader, under a new name each time.
function readProgress(): string[] {
  const stream = progressStream.name;
  return [
    `$JS.API.STREAM.INFO.${stream}`,
    `$JS.API.CONSUMER.CREATE.${stream}.>`,
    `$JS.API.CONSUMER.INFO.${stream}.*`,
    `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    `$JS.API.CONSUMER.DELETE.${stream}.*`,
  ];
}
