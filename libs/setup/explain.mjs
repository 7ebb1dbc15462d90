import { stripVTControlCharacters } from 'node:util';
import { SetupError } from './setup-error.mjs';

const fullDisk = /no space left on device|errno 28\b|os error 28\b|ENOSPC|disk quota exceeded/i;
const otherHash = /do not match the hashes|hash mismatch/i;
// In this order: the first that is found is quoted, and the root of the matter tells more than its consequence.
const offline = [
  /certificate verify failed|invalid peer certificate|sslerror/i,
  /(temporary failure in )?name resolution|name or service not known|dns error/i,
  /connection (refused|reset|aborted|broken)|network is unreachable|no route to host/i,
  /timed out|(?:read|connect) timeout/i,
  /\b(?:401 unauthorized|403 forbidden|407 proxy authentication required|429 too many requests)/i,
  /\b50\d (?:internal server error|bad gateway|service unavailable|gateway time-?out)/i,
  /\b(?:40[137]|429|50\d) (?:client|server) error/i,
  /proxyerror|cannot connect to proxy|could not connect|failed to establish|error sending request|max retries/i,
];
const nothingThere =
  /no matching distribution|no solution found|not found in the package registry|there is no version of|no wheels with a matching|not a supported wheel/i;

/** What to tell about each tool: the setting that names its package index. */
const indexVariable = { pip: 'PIP_INDEX_URL', uv: 'UV_DEFAULT_INDEX' };

const longestQuote = 400;

/**
 * Turns what pip or uv printed before it failed into one sentence and what to do.
 * @param {{tool: import('./setup.mjs').Tool, purpose: import('./setup.mjs').Purpose, cache: string, output: string}} failed
 */
export function explainOutput({ tool, purpose, cache, output }) {
  if (fullDisk.test(output)) return noSpace(purpose, cache);
  const elsewhere = `point ${tool} to another package index (${indexVariable[tool]})`;
  if (otherHash.test(output)) {
    return new SetupError(
      'SETUP_NETWORK',
      `A file that was downloaded for ${purpose.name} is not the one that is pinned by hash.`,
      `Check the package index or proxy that ${tool} uses, then run the command again.`,
    );
  }
  const reason = offline.map((pattern) => pattern.exec(output)?.[0]).find((match) => match !== undefined);
  if (reason !== undefined) {
    return new SetupError(
      'SETUP_NETWORK',
      `${tool} could not get ${purpose.name} from the package index (${reason.toLowerCase()}).`,
      `Check the network and the proxy, or ${elsewhere}, then run the command again.`,
    );
  }
  if (nothingThere.test(output)) {
    return new SetupError(
      purpose.code,
      `The package index that ${tool} uses lacks ${purpose.name} for ${process.platform} on ${process.arch}.`,
      `Use ${purpose.otherwise}, or ${elsewhere}.`,
    );
  }
  return new SetupError(
    purpose.code,
    `${tool} could not install ${purpose.name}: ${lastWords(output)}`,
    `Mend what ${tool} names, or use ${tool === 'pip' ? 'another Python with pip (ANNEAL_PYTHON)' : purpose.otherwise}.`,
  );
}

/**
 * Says why a program that was installed, or works on what was, failed.
 * @param {{what: string, remedy: string, purpose: import('./setup.mjs').Purpose, cache: string, output: string}} failed
 */
export function explainProgram({ what, remedy, purpose, cache, output }) {
  if (fullDisk.test(output)) return noSpace(purpose, cache);
  return new SetupError(purpose.code, `${what} failed: ${lastWords(output)}`, remedy);
}

/**
 * Turns errors of the file system that a user can act on into a sentence; other errors stay as they are.
 * @param {unknown} error
 * @param {import('./setup.mjs').Purpose} purpose
 * @param {string} cache
 */
export function explainFileError(error, purpose, cache) {
  if (!(error instanceof Error) || error instanceof SetupError || !('code' in error)) return error;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') return noSpace(purpose, cache, error);
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR'].includes(error.code)) {
    return new SetupError(
      'CONFIG_INVALID',
      `${error.path ?? cache} cannot be written (${error.code}).`,
      'Make it writable for this account, or set ANNEAL_CACHE to another folder.',
      { cause: error },
    );
  }
  return error;
}

/** @param {number} bytes */
export function gigabytes(bytes) {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

function noSpace({ name, diskBytes }, cache, cause) {
  return new SetupError(
    'DISK_FULL',
    `No space is left for ${name} in ${cache} or in the folder for temporary files.`,
    `Free ${gigabytes(diskBytes)}, or set ANNEAL_CACHE (and TMPDIR) to folders on a larger disk.`,
    { cause },
  );
}

/** The error that a tool named last with the root of it, or else its last line; a quotation for one sentence. */
function lastWords(output) {
  const lines = stripVTControlCharacters(output)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const error = lines.findLast((line) => /^error\b/i.test(line));
  const words = [...new Set([error, lines.at(-1)])].filter((line) => line !== undefined).join(' | ');
  return words.slice(0, longestQuote) || 'it said nothing';
}
