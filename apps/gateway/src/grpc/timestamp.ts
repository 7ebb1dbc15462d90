import type { Timestamp } from './generated/google/protobuf/Timestamp.js';

/** @param instant ISO 8601 */
export function toTimestamp(instant: string): Timestamp {
  const ms = Date.parse(instant);
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1_000_000 };
}
