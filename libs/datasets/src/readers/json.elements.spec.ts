import { describe, expect, it } from 'vitest';
import { JsonElements } from './json.elements.js';

const elements = ['{"a":1}', '[1,[2,"]"]]', '"x, ]}"', '12', 'null', '"\\\\"', '{"q":"\\"}],"}', '-1e5'];

describe('the elements of a list', () => {
  it.each([
    ['that is the document', `[${elements.join(' ,\n')}]`],
    ['that stands in it', `{"v":[1,{"data":2}],"data":[${elements.join(',')}],"z":[{"k":1}]}`],
  ])('%s are the same wherever the document is cut', (_what, document) => {
    for (let size = 1; size <= document.length; size += 1) {
      const cutter = new JsonElements(1000);
      const found: (string | undefined)[] = [];
      for (let at = 0; at < document.length; at += size)
        found.push(...cutter.push(Buffer.from(document.slice(at, at + size))).map((element) => element?.toString()));
      expect(found.map((element) => element?.trim())).toEqual(elements);
      expect([cutter.complete, cutter.stopped]).toEqual([true, undefined]);
    }
  });
});
