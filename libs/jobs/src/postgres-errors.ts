import { Failure } from '@anneal/contracts';

// https://www.postgresql.org/docs/current/errcodes-appendix.html; class 08 is matched by its prefix.
const passingStates = new Set(['25P03', '40001', '40P01', '53300', '57014', '57P01', '57P02', '57P03', '57P05']);
const networkCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']);
// pg and TypeORM give these no code.
const passingMessages = [
  /^Connection terminated/,
  /^timeout exceeded when trying to connect/,
  /^timeout expired/,
  /^Query read timeout/,
  /^Client has encountered a connection error/,
  /^Query runner already released/,
  /^Database connection provided by a query runner was already released/,
];

/** Whether the same statement may work when it is sent again: the server was away, or a transaction was sacrificed. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && typeof error.code === 'string') {
    // The socket of a server that is away; any other file that is missing is not the database's.
    if (error.code === 'ENOENT' && 'syscall' in error && error.syscall === 'connect') return true;
    if (error.code.startsWith('08') || passingStates.has(error.code) || networkCodes.has(error.code)) return true;
  }
  if (passingMessages.some((form) => form.test(error.message))) return true;
  return 'driverError' in error && isPassing(error.driverError);
}

/** Turns a database that was away into a Failure; every other error is handed back as it is. */
export function databaseError(error: unknown): unknown {
  if (error instanceof Failure || !isPassing(error)) return error;
  return databaseUnavailable(error);
}

export function databaseUnavailable(cause: unknown): Failure {
  const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new Failure('DATABASE_UNAVAILABLE', `PostgreSQL cannot be used: ${reason}.`, {
    remedy: 'Check that the server in POSTGRES_URL runs, and that its role and password are right.',
    cause,
  });
}
