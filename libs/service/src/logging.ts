import { traceFields } from '@anneal/tracing';
import type { LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Logger } from 'pino';
import { RotatedLog, type LogFile } from './rotated-log.js';

export type { Logger } from 'pino';

const secretFields = ['password', 'token', 'authorization', 'secretKey', 'apiKey', 'url'];

/** What waits for room on a disk that is full; lines that come then are dropped. */
const mostWaitingBytes = 1024 * 1024;

/**
 * Where log lines are written: a file, put aside when it is full, or standard output. A disk that is full, or a reader that
 * is gone, costs lines and not the process. What waits is not written at its end: the library would wait for room for ever.
 */
export function logDestination(file?: string): DestinationStream {
  return file === undefined ? destinationOf({}) : new RotatedLog(file, (dest) => destinationOf({ dest, mkdir: true }));
}

function destinationOf(target: { dest?: string; mkdir?: boolean }): LogFile {
  const destination = pino.destination({ ...target, sync: true, maxLength: mostWaitingBytes });
  destination.on('error', () => undefined);
  return destination;
}

/** One JSON line per entry, with the service's name and the trace that it belongs to; credentials are cut out of the fields that may hold them. */
export function createLogger(service: string, level: string, destination = logDestination()): Logger {
  const options = {
    level,
    base: { service },
    mixin: traceFields,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    // Errors of drivers carry their whole connection; what a reader needs is what happened and where.
    serializers: { err: describeError },
    redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`]), censor: '[cut]' },
  };
  return pino(options, destination);
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? { code: error.code } : {};
  const { stack } = pino.stdSerializers.err(error);
  return { type: error.name, message: withoutLogins(error.message), ...code, stack: withoutLogins(stack) };
}

/** A library may quote the URL that it was given, with the password in it. */
function withoutLogins(text: string): string {
  return text.replaceAll(/\/\/[^/@\s]+@/g, '//[cut]@');
}

/** Lets Nest write to pino. Its own start-up chatter is for debugging. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.logger.debug({ context: rest.at(-1) }, String(message));
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.logger.debug({ context: rest.at(-1) }, String(message));
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.logger.trace({ context: rest.at(-1) }, String(message));
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.logger.warn({ context: rest.at(-1) }, String(message));
  }
  error(message: unknown, ...rest: unknown[]): void {
    this.logger.error({ err: message instanceof Error ? message : undefined, context: rest.at(-1) }, String(message));
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.error(message, ...rest);
  }
}
