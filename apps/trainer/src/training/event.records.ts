// The files that TensorBoard reads: records of TFRecord, each a message of tensorflow/core/util/event.proto. Only what scalars
// need is here.

/** Castagnoli's polynomial, reversed. */
const polynomial = 0x82f63b78;
const remainders = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ polynomial : rest >>> 1;
  return rest;
});

/** CRC-32C, which Node's zlib does not have. */
export function crc32c(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (const byte of bytes) rest = (remainders[(rest ^ byte) & 0xff] ?? 0) ^ (rest >>> 8);
  return (rest ^ 0xffffffff) >>> 0;
}

/** A record as it stands in the file: length and bytes, each with its checksum. */
function record(bytes: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, maskedCrc(length), bytes, maskedCrc(bytes)]);
}

function maskedCrc(bytes: Buffer): Buffer {
  const crc = crc32c(bytes);
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return masked;
}

// How protobuf encodes a field: its number with the kind of its value, and the value.
const kinds = { varint: 0, double: 1, bytes: 2, float: 5 } as const;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

const tagged = (field: number, kind: number, value: Buffer): Buffer => Buffer.concat([varint(field * 8 + kind), value]);
const wholeField = (field: number, value: number): Buffer => tagged(field, kinds.varint, varint(value));
const bytesField = (field: number, value: Buffer): Buffer =>
  tagged(field, kinds.bytes, Buffer.concat([varint(value.length), value]));

function doubleField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return tagged(field, kinds.double, bytes);
}

function floatField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return tagged(field, kinds.float, bytes);
}

/** When something was, in seconds since the epoch, and at which step. */
export interface Moment {
  readonly time: number;
  readonly step: number;
}

const fields = { time: 1, step: 2, version: 3, summary: 5, session: 7 } as const;
const moment = ({ time, step }: Moment): Buffer[] => [
  doubleField(fields.time, time),
  ...(step === 0 ? [] : [wholeField(fields.step, step)]),
];

/** The first record of a file. */
export function versionRecord(time: number): Buffer {
  const version = bytesField(fields.version, Buffer.from('brain.Event:2'));
  return record(Buffer.concat([doubleField(fields.time, time), version]));
}

/** From here on the steps are counted anew, and what was said of this step and later ones is void. */
export function restartRecord(at: Moment): Buffer {
  const started = wholeField(1, 1);
  return record(Buffer.concat([...moment(at), bytesField(fields.session, started)]));
}

/** Numbers of one step, by their tags. */
export function scalarsRecord(at: Moment, scalars: ReadonlyMap<string, number>): Buffer {
  const values = [...scalars].map(([tag, value]) =>
    bytesField(1, Buffer.concat([bytesField(1, Buffer.from(tag)), floatField(2, value)])),
  );
  return record(Buffer.concat([...moment(at), bytesField(fields.summary, Buffer.concat(values))]));
}
