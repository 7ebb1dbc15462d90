import { z } from 'zod';
import { eventList } from './catalog.js';
import type { EventDefinition } from './event.js';
import { progress } from './progress.js';

type Json = Record<string, unknown>;

/**
 * The JSON Schema of an event's data, for readers in other languages. Written from the input side: the output side would
 * forbid unknown fields, and the next optional field would then break every such reader.
 */
export function dataSchema(definition: EventDefinition): Json {
  return {
    $id: `${definition.type}.json`,
    title: definition.name,
    ...z.toJSONSchema(definition.data, { io: 'input' }),
  };
}

/** The whole conversation as an AsyncAPI 3 document. JetStream facts have no binding there and stand under `x-jetstream`. */
export function asyncApi(): Json {
  const channels: Json = {};
  const operations: Json = {};
  const messages: Json = {};
  for (const definition of eventList) {
    messages[definition.name] = message(definition);
    channels[definition.name] = {
      address: definition.subject,
      messages: { [definition.name]: { $ref: `#/components/messages/${definition.name}` } },
      'x-jetstream': { stream: 'ANNEAL', consumers: definition.consumers },
    };
    operations[`say${definition.name}`] = {
      action: 'send',
      channel: { $ref: `#/channels/${definition.name}` },
      summary: definition.summary,
      'x-producer': definition.producer,
    };
  }
  channels['Progress'] = {
    address: 'anneal.progress.{run}.{stage}',
    parameters: { run: { description: 'Id of the run.' }, stage: { description: 'The stage that works.' } },
    messages: { Progress: { $ref: '#/components/messages/Progress' } },
    'x-jetstream': { stream: 'ANNEAL_PROGRESS' },
  };
  messages['Progress'] = {
    name: 'Progress',
    contentType: 'application/json',
    payload: withoutDraft(z.toJSONSchema(progress, { io: 'input' })),
  };
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Anneal events',
      version: '1',
      description:
        'CloudEvents 1.0 in binary mode over NATS JetStream; the attributes are headers that begin with "ce-".',
    },
    channels,
    operations,
    components: { messages },
  };
}

function message(definition: EventDefinition): Json {
  return {
    name: definition.name,
    title: definition.type,
    summary: definition.summary,
    contentType: 'application/json',
    headers: {
      type: 'object',
      required: definition.frontDoor ? [] : ['ce-id', 'ce-type', 'ce-source', 'ce-specversion', 'Nats-Msg-Id'],
      properties: {
        'ce-id': { type: 'string' },
        'ce-type': { const: definition.type },
        'ce-source': { type: 'string' },
        'ce-specversion': { const: '1.0' },
        'ce-subject': { type: 'string', description: 'Id of the run.' },
        'ce-time': { type: 'string', format: 'date-time' },
        'ce-causationid': { type: 'string', description: 'Id of the event that led to this one.' },
        'ce-turn': { type: 'string', description: 'The retry, by its turn, that the work belongs to which says it.' },
        'ce-project': {
          type: 'string',
          description: definition.frontDoor
            ? 'Not read: the project is the one of the subject, as in anneal.train.requested.PROJECT.'
            : 'The project of the run, when it is not the default one.',
        },
        'Nats-Msg-Id': { type: 'string', description: 'Equal to ce-id.' },
      },
    },
    payload: withoutDraft(z.toJSONSchema(definition.data, { io: 'input' })),
  };
}

/** AsyncAPI sets the schema dialect itself; definitions have to be found from the document's root, so they are put inline. */
function withoutDraft(schema: object): Json {
  const { $schema: _dialect, $defs, ...rest } = schema as { $schema?: string; $defs?: Record<string, object> };
  return inline(rest, $defs ?? {}) as Json;
}

function inline(value: unknown, definitions: Record<string, object>): unknown {
  if (Array.isArray(value)) return value.map((entry) => inline(entry, definitions));
  if (typeof value !== 'object' || value === null) return value;
  const reference = (value as { $ref?: unknown }).$ref;
  if (typeof reference === 'string') {
    const target = definitions[reference.replace('#/$defs/', '')];
    if (target) return inline(target, definitions);
  }
  return Object.fromEntries(
    // zod repeats `.meta({ id })` inside a definition; nothing refers to it once the definition stands inline.
    Object.entries(value)
      .filter(([key, entry]) => !(key === 'id' && typeof entry === 'string'))
      .map(([key, entry]) => [key, inline(entry, definitions)]),
  );
}
