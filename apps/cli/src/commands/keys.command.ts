import { apiKeyScopes, type ApiKeyView } from '@anneal/contracts';
import { Command, InvalidArgumentError, Option } from 'commander';
import { readEndpoints } from '../gateway/endpoints.js';
import { GatewayClient } from '../gateway/gateway.client.js';
import { table } from '../terminal/table.js';
import { clientCommand, printJson, type ClientOptions } from './options.js';

interface CreateOptions extends ClientOptions {
  project?: string;
  scope?: ApiKeyView['scope'];
  expiresInDays?: number;
  requestsPerSecond?: number;
  largestBodyBytes?: number;
  largestFileBytes?: number;
}

/** Keys of the API: who may come in, for which project, and to do what. */
export function keysCommand(): Command {
  return new Command('keys')
    .description('keys of the API: make, list and revoke them')
    .addCommand(
      clientCommand('create', 'make a key; its text is printed now and never again')
        .argument('<name>', 'whose key it is, or what for')
        .option('--project <name>', 'what the key makes and sees belongs to it (default: default)')
        .addOption(new Option('--scope <scope>', 'what it may do (default: submit)').choices(apiKeyScopes))
        .option('--expires-in-days <n>', 'when it ends by itself (default: never)', days)
        .option('--requests-per-second <n>', 'how many it may make (default: what the gateway has for all)', whole)
        .option('--largest-body-bytes <n>', 'of a JSON or YAML body, 1024 to 1048576 (default: 1048576)', whole)
        .option('--largest-file-bytes <n>', 'of an uploaded file (default: what the gateway has for all)', whole)
        .action(async (name: string, options: CreateOptions) => {
          const { data: _data, json, ...wish } = options;
          const made = await (await client(options)).createKey({ name, ...wish });
          if (json) return printJson(made);
          const { id, project, scope } = made.key;
          console.log(
            `${made.text}\nKey ${id} may ${scope} in the project ${project}. Keep it: it is not shown again.`,
          );
        }),
    )
    .addCommand(
      clientCommand('list', 'list them, the newest first').action(async (options: ClientOptions) => {
        const keys = await (await client(options)).listKeys();
        if (options.json) return printJson({ keys });
        console.log(keys.length === 0 ? 'There are none but the first.' : listOf(keys));
      }),
    )
    .addCommand(
      clientCommand('revoke', 'end a key within five seconds')
        .argument('<id>', 'id of the key')
        .action(async (id: string, options: ClientOptions) => {
          const key = await (await client(options)).revokeKey(id);
          if (options.json) return printJson({ key });
          console.log(`The key ${key.id} (${key.name}) is revoked.`);
        }),
    );
}

async function client({ data }: ClientOptions): Promise<GatewayClient> {
  return new GatewayClient(await readEndpoints(data));
}

function listOf(keys: readonly ApiKeyView[]): string {
  const day = (instant: string | undefined): string => instant?.slice(0, 10) ?? '-';
  const rows = keys.map(({ id, name, project, scope, createdAt, lastUsedAt, expiresAt, revokedAt }) => [
    id,
    name,
    project,
    scope,
    day(createdAt),
    day(lastUsedAt),
    revokedAt === undefined ? day(expiresAt) : `revoked ${day(revokedAt)}`,
  ]);
  return table(['key', 'name', 'project', 'scope', 'made', 'last used', 'ends'], rows);
}

function days(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number of days above 0.');
  return value;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return value;
}
