import type { HubRepository } from './repository.js';
import { refusal, type Reply } from './reply.js';

/** A user's token and what it may do. */
export interface HubToken {
  readonly user: string;
  readonly role: 'read' | 'write';
  readonly expired?: boolean;
  /** Gated repositories whose terms the user accepted. */
  readonly gatedAccess?: readonly string[];
}

/** Thrown by the checks below; the server sends it. */
export class Refused extends Error {
  constructor(readonly reply: Reply) {
    super(`answered ${reply.status}`);
  }
}

/** Who calls; nobody when no token is sent. A token that is unknown or expired is refused wherever it is sent. */
export function callerOf(
  authorization: string | undefined,
  tokens: ReadonlyMap<string, HubToken>,
): HubToken | undefined {
  if (authorization === undefined) return undefined;
  const token = tokens.get(authorization.replace(/^Bearer /, ''));
  if (token && !token.expired) return token;
  throw new Refused(refusal(401, 'Invalid credentials in Authorization header'));
}

/** What does not exist and what may not be seen look the same to a stranger. */
export function requireVisible(
  repository: HubRepository | undefined,
  caller: HubToken | undefined,
): asserts repository is HubRepository {
  if (repository && !(repository.private && !caller)) return;
  const reply = caller
    ? refusal(404, 'Repository not found', 'RepoNotFound')
    : refusal(401, 'Invalid username or password.', 'RepoNotFound');
  throw new Refused(reply);
}

export function requireFiles(repository: HubRepository, caller: HubToken | undefined): void {
  if (!repository.gated || caller?.gatedAccess?.includes(repository.name)) return;
  const error = `Access to ${repository.type} ${repository.name} is restricted.`;
  throw new Refused(refusal(caller ? 403 : 401, error, 'GatedRepo'));
}

export function requireWriter(caller: HubToken | undefined): asserts caller is HubToken {
  if (caller?.role === 'write') return;
  throw new Refused(
    caller
      ? refusal(403, 'Forbidden: you must use a write token to upload to a repository.')
      : refusal(401, 'Invalid username or password.'),
  );
}
