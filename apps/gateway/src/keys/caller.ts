import { apiKeyScopes, Failure, type ApiKeyView } from '@anneal/contracts';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';

/** What a key may do; each includes those before it. */
export type Scope = (typeof apiKeyScopes)[number];

/** Where a key is held to other limits than the configuration's. */
export type KeyLimits = Pick<ApiKeyView, 'requestsPerSecond' | 'largestBodyBytes' | 'largestFileBytes'>;

/** Who makes a request: the key's id, its project, and what it may do. */
export interface Caller {
  readonly keyId: string;
  /** Everything that the caller makes belongs to it, and nothing else is visible. */
  readonly project: string;
  readonly scope: Scope;
  readonly limits: KeyLimits;
}

/** A request once its key was looked at. */
export interface WithCaller {
  caller?: Caller;
}

/** The caller of the request, as a parameter of a controller's method. */
export const By = createParamDecorator((_data: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<WithCaller>();
  if (!caller) throw new Failure('UNAUTHORIZED', 'The request has no API key.', { remedy: 'Send an API key.' });
  return caller;
});

/** @throws Failure FORBIDDEN */
export function requireScope(caller: Caller, wanted: Scope): void {
  if (apiKeyScopes.indexOf(caller.scope) >= apiKeyScopes.indexOf(wanted)) return;
  throw new Failure('FORBIDDEN', `The API key may only ${caller.scope}, and this needs "${wanted}".`, {
    remedy: `Use a key with the scope "${wanted}"; an administrator makes one with "anneal keys create".`,
  });
}
