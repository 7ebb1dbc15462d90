import { Failure } from '@anneal/contracts';
import type { DeadLetter, StoredDeadLetter } from '@anneal/jobs';
import { Command } from 'commander';
import { readEndpoints } from '../gateway/endpoints.js';
import { table } from '../terminal/table.js';
import { clientCommand, printJson, type ClientOptions } from './options.js';

const longestShown = 4_000;

/** Events that a service could not read or act upon: they wait here, with a reason, for somebody to decide. */
export function deadLettersCommand(): Command {
  return new Command('deadletters')
    .description('events that were set aside because they could not be read or acted upon')
    .addCommand(
      clientCommand('list', 'list them, the oldest first').action(async (options: ClientOptions) => {
        const { postgres } = await readEndpoints(options.data);
        const { listDeadLetters, withDatabase } = await import('@anneal/jobs');
        const letters = await withDatabase(postgres, (client) => listDeadLetters(client));
        if (options.json) return printJson({ deadLetters: letters });
        console.log(letters.length === 0 ? 'There are none.' : listOf(letters));
      }),
    )
    .addCommand(
      clientCommand('show', 'show one: why it was set aside, its headers and its bytes')
        .argument('<id>', 'id of the dead letter')
        .action(async (id: string, options: ClientOptions) => {
          const { postgres } = await readEndpoints(options.data);
          const letter = await find(postgres, id);
          if (options.json) return printJson({ ...letter, bytes: letter.bytes.toString('base64') });
          console.log(describe(letter));
        }),
    )
    .addCommand(
      clientCommand('replay', 'publish one again; a service that has acted on it does not act twice')
        .argument('<id>', 'id of the dead letter')
        .action(async (id: string, options: ClientOptions) => {
          const { postgres, nats } = await readEndpoints(options.data);
          const letter = await find(postgres, id);
          const { connectNats, jetstream, replayEvent } = await import('@anneal/messaging');
          const connection = await connectNats({ url: nats, name: 'anneal-deadletters' });
          try {
            await replayEvent(jetstream(connection), letter);
          } finally {
            await connection.close();
          }
          const { markReplayed, withDatabase } = await import('@anneal/jobs');
          await withDatabase(postgres, (client) => markReplayed(client, id));
          if (options.json) return printJson({ id, replayed: true });
          console.log(`${letter.subject} is published again; the dead letter stays until you drop it.`);
        }),
    )
    .addCommand(
      clientCommand('drop', 'forget one for good')
        .argument('<id>', 'id of the dead letter')
        .action(async (id: string, options: ClientOptions) => {
          const { postgres } = await readEndpoints(options.data);
          const { dropDeadLetter, withDatabase } = await import('@anneal/jobs');
          if (!(await withDatabase(postgres, (client) => dropDeadLetter(client, id)))) throw notFound(id);
          if (options.json) return printJson({ id, dropped: true });
          console.log(`The dead letter ${id} is gone.`);
        }),
    );
}

async function find(postgres: string, id: string): Promise<StoredDeadLetter> {
  const { findDeadLetter, withDatabase } = await import('@anneal/jobs');
  const letter = await withDatabase(postgres, (client) => findDeadLetter(client, id));
  if (!letter) throw notFound(id);
  return letter;
}

function notFound(id: string): Failure {
  return new Failure('DEAD_LETTER_NOT_FOUND', `There is no dead letter with the id "${id}".`, {
    remedy: 'Check the id; "anneal deadletters list" lists them.',
  });
}

function listOf(letters: readonly DeadLetter[]): string {
  const rows = letters.map(({ id, service, subject, reason, setAsideAt, replayedAt }) => [
    id,
    service,
    subject,
    setAsideAt.toISOString().slice(0, 19),
    replayedAt ? 'yes' : 'no',
    reason,
  ]);
  return table(['dead letter', 'service', 'subject', 'set aside (UTC)', 'replayed', 'reason'], rows);
}

function describe(letter: StoredDeadLetter): string {
  const { service, subject, eventId, streamSequence, reason, deliveries, headers, bytes } = letter;
  // Whatever a stranger sent is not to steer the terminal that shows it.
  const shown = JSON.stringify(bytes.toString('utf8').slice(0, longestShown)).slice(1, -1);
  return [
    `${letter.id}  set aside by ${service} after ${deliveries} deliveries`,
    `reason    ${reason}`,
    `event     ${eventId} on ${subject}, place ${streamSequence} of the stream`,
    ...Object.entries(headers).map(([name, values]) => `header    ${JSON.stringify(name)}: ${JSON.stringify(values)}`),
    `bytes     ${shown}${bytes.length > longestShown ? ` ... (${bytes.length} in all)` : ''}`,
  ].join('\n');
}
