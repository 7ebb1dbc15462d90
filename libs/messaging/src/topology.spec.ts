import { eventList, serviceNames, subjectsOf } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { permissionsOf } from './permissions.js';
import { consumerOf, durableStream, progressStream, subjectsFor } from './topology.js';

describe('topology', () => {
  it('stores exactly the declared events, and progress elsewhere', () => {
    expect(durableStream.subjects).toEqual(eventList.flatMap(subjectsOf));
    // Only requests have a wildcard: the project of whoever asks.
    const wild = durableStream.subjects.filter((subject) => subject.includes('*') || subject.includes('>'));
    expect(wild).toEqual(['anneal.train.requested.*']);
    expect(durableStream.subjects.some((subject) => subject.startsWith('anneal.progress.'))).toBe(false);
    expect(progressStream.subjects).toEqual(['anneal.progress.>']);
  });

  it.each(serviceNames)('brings %s what lists it as a consumer, and something', (service) => {
    const listed = eventList.filter(({ consumers }) => consumers.includes(service)).flatMap(subjectsOf);
    expect(listed.length).toBeGreaterThan(0);
    expect(consumerOf(service)).toMatchObject({
      durable_name: service,
      filter_subjects: listed,
      ack_policy: 'explicit',
    });
  });

  it('starts the dataset and the evaluator from the request itself', () => {
    expect(subjectsFor('dataset')).toContain('anneal.train.requested');
    expect(subjectsFor('evaluator')).toContain('anneal.train.requested');
    expect(subjectsFor('trainer')).not.toContain('anneal.train.requested');
  });
});

describe('permissions', () => {
  it.each(serviceNames)('%s says its own events and nobody else’s', (service) => {
    const { publish } = permissionsOf(service);
    for (const { subject, producer } of eventList) {
      const own = producer === service || (producer === 'any stage' && service !== 'gateway');
      expect(publish.includes(subject)).toBe(own);
    }
  });

  it.each(serviceNames)('%s reaches its own consumer and inbox only', (service) => {
    const { publish, subscribe } = permissionsOf(service);
    const everyPulse = service === 'gateway' ? ['anneal.pulse.*'] : [];
    expect(subscribe).toEqual([`_INBOX_${service}.>`, ...everyPulse]);
    const ofDurable = publish.filter((subject) => /^\$JS\..*\bANNEAL\./.test(subject));
    expect(ofDurable).toHaveLength(4);
    expect(ofDurable.every((subject) => subject.includes(`.ANNEAL.${service}`))).toBe(true);
    expect(publish.some((subject) => /\$JS\.API\.(STREAM\.(CREATE|UPDATE|DELETE|PURGE)|\*|>)/.test(subject))).toBe(
      false,
    );
  });

  it('lets stages say their own progress, and the gateway read all of it', () => {
    expect(permissionsOf('trainer').publish).toContain('anneal.progress.*.trainer');
    expect(permissionsOf('gateway').publish.some((subject) => subject.startsWith('anneal.progress.'))).toBe(false);
    expect(permissionsOf('gateway').publish).toContain('$JS.API.CONSUMER.CREATE.ANNEAL_PROGRESS.>');
    expect(permissionsOf('trainer').publish.some((subject) => subject.includes('CONSUMER.CREATE'))).toBe(false);
  });
});
