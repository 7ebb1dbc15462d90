import { stat } from 'node:fs/promises';
import { Failure } from '@anneal/contracts';
import { looksDelimited } from './delimiter.js';
import { beginningOf, openBytes, type Compression } from './file.bytes.js';

/** What a file holds, as it shows itself when it is looked at. */
export interface FileFormat {
  readonly format: 'jsonl' | 'json' | 'csv' | 'parquet';
  readonly compression?: Compression;
}

/** Names of files that may hold rows. */
export const dataFile = /\.(parquet|jsonl|ndjson|json|csv|tsv)(\.(gz|zst|bz2|xz|zip))?$/i;

/** Enough for the first rows of nearly every set. */
const headBytes = 256 * 1024;

/** What packed files begin with. */
const packed: readonly [magic: string, compression: Compression][] = [
  ['\x1F\x8B', 'gzip'],
  ['\x28\xB5\x2F\xFD', 'zstd'],
  ['\xFD7zXZ\0', 'xz'],
];
/** A text may begin with the letters of bzip2, but not with the digits of pi, or of its root, behind them. */
const bzip2 = { magic: 'BZh', marks: ['1AY&SY', '\x17rE8P\x90'] };

/** What files begin with that no reader here takes, and what to do about them. */
const foreign: readonly [magic: string, what: string, remedy: string][] = [
  ['PK\x03\x04', 'is a zip archive', 'Unpack it, or compress the file itself with gzip or zstd.'],
  ['7z\xBC\xAF', 'is a 7z archive', 'Unpack it, or compress the file itself with gzip or zstd.'],
  ['ARROW1', 'is an Arrow file', 'Save it as parquet.'],
  ['\x89HDF', 'is an HDF5 file', 'Save it as parquet or JSONL.'],
  ['SQLite format 3', 'is a SQLite database', 'Export its table as CSV or parquet.'],
  ['PARE', 'is an encrypted parquet file', 'Save it without encryption.'],
  ['\x80\x04', 'is a Python pickle, which runs code when it is read', 'Save it as parquet or JSONL.'],
  ['%PDF', 'is a PDF document', 'Export its rows as JSONL or CSV.'],
  ['version https://git-lfs', 'is only the pointer of a file that git keeps elsewhere', 'Fetch it with git lfs pull.'],
];

/**
 * Looks at the beginning of a file. The name only decides where the content leaves a choice.
 *
 * @throws Failure DATASET_EMPTY or DATASET_UNREADABLE, with what the file is instead
 */
export async function formatOf(path: string, name: string): Promise<FileFormat> {
  const { size } = await stat(path);
  if (size === 0) throw empty(name);
  const raw = await beginningOf(path, headBytes);
  const compression = compressionOf(raw);
  if (compression === undefined) return { format: formatIn(raw, name) };
  const plain = await headOf(path, name, compression);
  if (plain.length === 0) throw empty(name);
  if (compressionOf(plain)) throw unreadable(name, 'is compressed twice', 'Compress it once.');
  const format = formatIn(plain, name.replace(/\.(gz|zst|bz2|xz)$/i, ''));
  if (format === 'parquet')
    throw unreadable(name, 'is a compressed parquet file', 'Unpack it: parquet compresses its columns by itself.');
  return { format, compression };
}

async function headOf(path: string, name: string, compression: Compression): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of openBytes({ path, name, compression })) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= headBytes) break;
  }
  return Buffer.concat(chunks);
}

function compressionOf(head: Buffer): Compression | undefined {
  const start = head.toString('latin1', 0, 10);
  if (start.startsWith(bzip2.magic) && bzip2.marks.includes(start.slice(4))) return 'bzip2';
  return packed.find(([magic]) => start.startsWith(magic))?.[1];
}

function formatIn(head: Buffer, name: string): FileFormat['format'] {
  const start = head.toString('latin1', 0, 64);
  if (start.startsWith('PAR1')) return 'parquet';
  for (const [magic, what, remedy] of foreign) if (start.startsWith(magic)) throw unreadable(name, what, remedy);
  if (isUtf16(head)) {
    const how = 'Save it as UTF-8; Excel calls that "CSV UTF-8", PowerShell "-Encoding utf8".';
    throw unreadable(name, 'is UTF-16 text', how);
  }
  if (/^\s*<(!doctype|html)/i.test(start))
    throw unreadable(
      name,
      'is a web page, not data',
      'Name the address of the file itself; a page to log in may hide it.',
    );
  if (/\.parquet$/i.test(name))
    throw unreadable(
      name,
      `does not begin like a parquet file (with ${shown(head)} instead of PAR1)`,
      'Check that the file is complete and really parquet.',
    );
  const text = head
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  if (text === '') return 'jsonl';
  if (text.startsWith('[')) return /\.(jsonl|ndjson)$/i.test(name) ? 'jsonl' : 'json';
  if (text.startsWith('{')) return jsonFormat(text, name);
  return /\.(csv|tsv)$/i.test(name) || (!/\.json(l)?$|\.ndjson$/i.test(name) && looksDelimited(text)) ? 'csv' : 'jsonl';
}

/** One object in each line, or one that holds all rows. */
function jsonFormat(text: string, name: string): 'jsonl' | 'json' {
  const end = text.indexOf('\n');
  const first = parsed(end < 0 ? text : text.slice(0, end));
  if (first === undefined) return /\.json$/i.test(name) ? 'json' : 'jsonl';
  const alone = end < 0 || text.slice(end).trim() === '';
  return alone && (isList(first['data']) || isList(first['rows'])) ? 'json' : 'jsonl';
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function isList(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null);
}

/** By its byte order mark, or because nearly every other byte is zero, as it is in Latin letters. */
function isUtf16(head: Buffer): boolean {
  const mark = head.length > 1 ? head.readUInt16BE(0) : 0;
  if (mark === 0xfeff || mark === 0xfffe) return true;
  const zeros = [0, 0];
  for (const [index, byte] of head.subarray(0, 64).entries())
    if (byte === 0) zeros[index % 2] = (zeros[index % 2] ?? 0) + 1;
  return Math.min(...zeros) === 0 && Math.max(...zeros) >= Math.min(head.length, 64) / 3;
}

function shown(head: Buffer): string {
  const letters = head.toString('latin1', 0, 4);
  return /^[\x20-\x7e]{4}$/.test(letters) ? `"${letters}"` : `the bytes ${head.toString('hex', 0, 4)}`;
}

function empty(name: string): Failure {
  return new Failure('DATASET_EMPTY', `${name} is empty.`, {
    remedy: 'Give a file with at least one row.',
    file: name,
  });
}

function unreadable(name: string, what: string, remedy: string): Failure {
  return new Failure('DATASET_UNREADABLE', `${name} ${what}.`, { remedy, file: name });
}
