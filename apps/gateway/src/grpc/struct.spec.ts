import { describe, expect, it } from 'vitest';
import { sampleSpec } from '@anneal/testing';
import { SubmitRequest } from './protocol.js';
import { readStruct, writeStruct } from './struct.js';

/** Over the wire and back, as a caller would send it. */
function sent(object: object): unknown {
  const { spec } = SubmitRequest.deserialize(SubmitRequest.serialize({ spec: writeStruct(object) }));
  return spec && readStruct(spec);
}

describe('a Struct', () => {
  it('carries a RunSpec unchanged', () => {
    const spec = sampleSpec('r1');
    expect(sent(spec)).toEqual(JSON.parse(JSON.stringify(spec)));
  });

  it('carries whatever JSON can say', () => {
    const everything = {
      text: '',
      zero: 0,
      small: 2e-4,
      no: false,
      nothing: null,
      list: [1, 'a', null, [], {}],
      deep: {},
    };
    expect(sent(everything)).toEqual(everything);
  });

  it('has no field that is undefined, and no prototype of its sender', () => {
    expect(sent({ there: 1, absent: undefined })).toEqual({ there: 1 });
    const object = sent(JSON.parse('{ "__proto__": { "polluted": true } }') as object);
    expect((object as { polluted?: boolean }).polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
