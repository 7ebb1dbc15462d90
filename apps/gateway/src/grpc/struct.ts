import type { Struct, Struct__Output } from './generated/google/protobuf/Struct.js';
import type { Value, Value__Output } from './generated/google/protobuf/Value.js';

/** A Struct as the object that it stands for. */
export function readStruct({ fields }: Struct__Output): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, readValue(value)]));
}

/** An object of JSON as a Struct; fields that are undefined are left out. */
export function writeStruct(object: object): Struct {
  const present = Object.entries(object).filter(([, value]) => value !== undefined);
  return { fields: Object.fromEntries(present.map(([name, value]) => [name, writeValue(value)])) };
}

function readValue(value: Value__Output): unknown {
  switch (value.kind) {
    case 'structValue':
      return value.structValue ? readStruct(value.structValue) : {};
    case 'listValue':
      return (value.listValue?.values ?? []).map(readValue);
    case 'stringValue':
      return value.stringValue;
    case 'numberValue':
      return value.numberValue;
    case 'boolValue':
      return value.boolValue;
    case 'nullValue':
    case undefined:
      return null;
  }
}

function writeValue(value: unknown): Value {
  if (Array.isArray(value)) return { listValue: { values: value.map(writeValue) } };
  switch (typeof value) {
    case 'object':
      return value === null ? { nullValue: 'NULL_VALUE' } : { structValue: writeStruct(value) };
    case 'string':
      return { stringValue: value };
    case 'number':
      return { numberValue: value };
    case 'boolean':
      return { boolValue: value };
    default:
      throw new TypeError(`JSON has no ${typeof value}`);
  }
}
