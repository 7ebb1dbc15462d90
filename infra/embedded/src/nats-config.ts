import { Failure } from '@anneal/contracts';
import type { Ports } from './ports.js';
import { loopback } from './ports.js';

/** A user of the broker. Without permissions it may do everything in the account. */
export interface NatsUser {
  readonly name: string;
  /** Made at random and kept in the state when absent. */
  readonly password?: string;
  readonly permissions?: NatsPermissions;
}

/** The subjects that a user may publish and subscribe to; all others are refused. */
export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** The user with all rights of the account. */
export const natsAdmin = 'admin';
/** The user of the system account. */
export const natsSystem = 'sys';

const userName = /^[A-Za-z][A-Za-z0-9_-]*$/;

export interface NatsConfig {
  readonly ports: Ports;
  readonly storeFolder: string;
  readonly users: readonly NatsUser[];
  readonly passwordOf: (user: string) => string;
  readonly throwaway: boolean;
}

/** Throws CONFIG_INVALID for a user that cannot be told from another one. */
export function checkNatsUsers(users: readonly NatsUser[]): void {
  const seen = new Set([natsAdmin, natsSystem]);
  for (const { name } of users) {
    if (!userName.test(name)) throw invalidUser(`The NATS user name "${name}" has characters that are not allowed.`);
    if (seen.has(name)) throw invalidUser(`The NATS user name "${name}" is used twice or reserved.`);
    seen.add(name);
  }
}

/** The text of the configuration file: everything on loopback, one account for the application and one for the system. */
export function renderNatsConfig({ ports, storeFolder, users, passwordOf, throwaway }: NatsConfig): string {
  const login = (name: string): string => `user: ${quote(name)}, password: ${quote(passwordOf(name))}`;
  const accountUsers = [{ name: natsAdmin } as NatsUser, ...users].map(
    ({ name, permissions }) => `      { ${login(name)}${permissions ? `, ${renderPermissions(permissions)}` : ''} }`,
  );
  return [
    `listen: ${quote(`${loopback}:${ports.nats}`)}`,
    `http: ${quote(`${loopback}:${ports.natsMonitor}`)}`,
    'server_name: embedded',
    'max_payload: 1MB',
    'jetstream {',
    `  store_dir: ${quote(storeFolder)}`,
    // The default acknowledges up to two minutes before it calls fsync.
    ...(throwaway ? [] : ['  sync_interval: always']),
    '  max_file: 4GB',
    '  max_mem: 256MB',
    '}',
    'system_account: SYS',
    'accounts {',
    '  SYS {',
    `    users: [ { ${login(natsSystem)} } ]`,
    '  }',
    '  ANNEAL {',
    '    jetstream: enabled',
    '    users: [',
    ...accountUsers,
    '    ]',
    '  }',
    '}',
    '',
  ].join('\n');
}

function renderPermissions({ publish, subscribe }: NatsPermissions): string {
  return `permissions: { publish: ${renderSubjects(publish)}, subscribe: ${renderSubjects(subscribe)} }`;
}

function renderSubjects(subjects: readonly string[]): string {
  // The server reads an empty list as "no limit".
  if (subjects.length === 0) return '{ deny: [">"] }';
  return `{ allow: [${subjects.map(quote).join(', ')}] }`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function invalidUser(message: string): Failure {
  return new Failure('CONFIG_INVALID', message, {
    remedy: `Use letters, digits, "-" and "_", every name once, and neither "${natsAdmin}" nor "${natsSystem}".`,
  });
}
