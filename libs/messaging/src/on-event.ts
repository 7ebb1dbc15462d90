import type { EventDefinition } from '@anneal/contracts';
import { applyDecorators, Catch, UseFilters, type RpcExceptionFilter } from '@nestjs/common';
import { EventPattern } from '@nestjs/microservices';
import { throwError, type Observable } from 'rxjs';

/** Keeps other transports of the same application from taking these handlers. */
export const jetStreamTransport = Symbol('jetstream');

/**
 * Lets a handler's own error reach the transport. Without it Nest replaces every error by "Internal server error" before
 * the transport sees it, and nothing could tell a Failure from a bug.
 */
@Catch()
export class EventErrorFilter implements RpcExceptionFilter<unknown> {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

const eventErrorFilter = new EventErrorFilter();

/**
 * Marks the method that takes an event. Its first argument is a ReceivedEvent; the message is acknowledged when it
 * returns and delivered again when it throws.
 */
export function OnEvent(definition: EventDefinition): MethodDecorator {
  // EventPattern's own type refuses handlers whose second parameter is a concrete class.
  const pattern = EventPattern as (subject: string, transport: symbol) => MethodDecorator;
  return applyDecorators(pattern(definition.subject, jetStreamTransport), UseFilters(eventErrorFilter));
}
