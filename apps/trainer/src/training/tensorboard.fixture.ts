import { crc32c } from './event.records.js';

interface ReadEvent {
  readonly time: number;
  readonly step: number;
  readonly version?: string;
  readonly isRestart?: boolean;
  readonly scalars: Record<string, number>;
}

/** Reads a file as TensorBoard does, field by field, and holds every checksum against its bytes. */
export function readEventFile(bytes: Buffer): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    demandCrc(bytes.subarray(at, at + 8), bytes.readUInt32LE(at + 8));
    const record = bytes.subarray(at + 12, at + 12 + length);
    demandCrc(record, bytes.readUInt32LE(at + 12 + length));
    events.push(readEvent(record));
    at += 16 + length;
  }
  return events;
}

function demandCrc(bytes: Buffer, masked: number): void {
  const rotated = (masked - 0xa282ead8) >>> 0;
  const crc = ((rotated << 15) | (rotated >>> 17)) >>> 0;
  if (crc !== crc32c(bytes)) throw new Error('a record has another checksum than its bytes');
}

function readEvent(record: Buffer): ReadEvent {
  const fields = readFields(record);
  const scalars: Record<string, number> = {};
  const [summary] = fields.get(5) ?? [];
  for (const value of summary === undefined ? [] : (readFields(summary).get(1) ?? [])) {
    const parts = readFields(value);
    scalars[String(parts.get(1)?.[0])] = parts.get(2)?.[0]?.readFloatLE() ?? NaN;
  }
  const [time, step, version, session] = [1, 2, 3, 7].map((field) => fields.get(field)?.[0]);
  return {
    time: time?.readDoubleLE() ?? 0,
    step: step === undefined ? 0 : readVarint(step, 0).value,
    ...(version === undefined ? {} : { version: String(version) }),
    ...(session === undefined ? {} : { isRestart: session.equals(Buffer.from([8, 1])) }),
    scalars,
  };
}

/** The fields of a message of protobuf: the bytes of each, by its number. */
function readFields(message: Buffer): Map<number, Buffer[]> {
  const fields = new Map<number, Buffer[]>();
  for (let at = 0; at < message.length;) {
    const key = readVarint(message, at);
    const [start, end] = extentOf(message, key.value & 7, key.end);
    fields.set(key.value >> 3, [...(fields.get(key.value >> 3) ?? []), message.subarray(start, end)]);
    at = end;
  }
  return fields;
}

function extentOf(message: Buffer, kind: number, at: number): [number, number] {
  if (kind === 0) return [at, readVarint(message, at).end];
  if (kind === 1) return [at, at + 8];
  if (kind === 5) return [at, at + 4];
  const { value, end } = readVarint(message, at);
  return [end, end + value];
}

function readVarint(bytes: Buffer, from: number): { value: number; end: number } {
  let [value, scale] = [0, 1];
  for (let at = from; ; at += 1) {
    const byte = bytes.readUInt8(at);
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 0x80) return { value, end: at + 1 };
  }
}
