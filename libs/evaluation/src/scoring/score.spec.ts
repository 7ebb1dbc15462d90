import { describe, expect, it } from 'vitest';
import { findJson } from './json.js';
import { scoreNamed } from './score.js';

describe('exact', () => {
  const score = scoreNamed('exact');
  it('takes nothing but the same text', () => {
    expect(score('18', '18')).toBe('correct');
    expect(score('18 ', '18')).toBe('wrong');
    expect(score('Yes', 'yes')).toBe('wrong');
    expect(score('', '')).toBe('correct');
  });
});

describe('normalised', () => {
  const score = scoreNamed('normalised');
  it('passes over case and white space', () => {
    expect(score('  The\n answer\tIS  ', 'the answer is')).toBe('correct');
    expect(score('ÄRGER', 'ärger')).toBe('correct');
  });
  it('does not pass over anything else', () => {
    expect(score('18.', '18')).toBe('wrong');
    expect(score('theanswer', 'the answer')).toBe('wrong');
    expect(score('', '18')).toBe('wrong');
  });
});

describe('json', () => {
  const score = scoreNamed('json');
  const wanted = '{"device":"light","room":"kitchen","percent":40}';
  it.each([
    ['the bare value', '{"device":"light","room":"kitchen","percent":40}'],
    ['another order of keys', '{"percent":40,"room":"kitchen","device":"light"}'],
    ['white space', '\n { "device" : "light",\n "room": "kitchen", "percent": 40 }\n'],
    ['a number written otherwise', '{"device":"light","room":"kitchen","percent":40.0}'],
    ['a number with an exponent', '{"device":"light","room":"kitchen","percent":4e1}'],
    ['a code fence', 'Sure:\n```json\n{"device":"light","room":"kitchen","percent":40}\n```\nDone.'],
    ['a fence without a language', '```\n{"device":"light","room":"kitchen","percent":40}\n```'],
    ['text around it', 'Here it is: {"device":"light","room":"kitchen","percent":40} as you asked.'],
    ['brackets in the text before it', 'In [kitchen} I set {"device":"light","room":"kitchen","percent":40}'],
    ['more values after it', '{"device":"light","room":"kitchen","percent":40} {"device":"fan"}'],
    [
      'a key that is there twice: the last one counts',
      '{"device":"fan","device":"light","room":"kitchen","percent":40}',
    ],
    ['an escaped key', '{"\\u0064evice":"light","room":"kitchen","percent":40}'],
  ])('finds and compares: %s', (_, answer) => {
    expect(score(answer, wanted)).toBe('correct');
  });
  it.each([
    ['another value', '{"device":"light","room":"hall","percent":40}'],
    ['a number as text', '{"device":"light","room":"kitchen","percent":"40"}'],
    ['a key too few', '{"device":"light","room":"kitchen"}'],
    ['a key too many', '{"device":"light","room":"kitchen","percent":40,"x":null}'],
    ['a key of another name', '{"device":"light","room":"kitchen","level":40}'],
    ['another first value', '[1] {"device":"light","room":"kitchen","percent":40}'],
    ['a key that is there twice, wrong at last', '{"device":"light","device":"fan","room":"kitchen","percent":40}'],
    ['null', 'null'],
  ])('calls wrong: %s', (_, answer) => {
    expect(score(answer, wanted)).toBe('wrong');
  });
  it.each([
    ['nothing', ''],
    ['prose', 'I would set the light to 40.'],
    ['an object that is cut off', '{"device":"light","room":"kit'],
    ['single quotes', "{'device':'light'}"],
    ['NaN', '{"device":"light","room":"kitchen","percent":NaN}'],
    ['infinity', '[Infinity]'],
    ['a trailing comma', '{"device":"light",}'],
    ['a comment', '{"device":"light" /* lamp */}'],
    ['nothing but opening brackets', '['.repeat(30_000)],
    ['opening brackets of both kinds', '{['.repeat(15_000)],
  ])('cannot parse: %s', (_, answer) => {
    expect(score(answer, wanted)).toBe('unparsed');
  });
  it('compares nested values, where lists have an order and objects have none', () => {
    const nested = '{"a":[{"b":1,"c":[true,null]},"x"],"d":{"e":{"f":-0.5}}}';
    expect(score('{"d":{"e":{"f":-0.50}},"a":[{"c":[true,null],"b":1.0},"x"]}', nested)).toBe('correct');
    expect(score('{"d":{"e":{"f":-0.5}},"a":["x",{"c":[true,null],"b":1}]}', nested)).toBe('wrong');
    expect(score('{"d":{"e":{"f":-0.5}},"a":[{"c":[null,true],"b":1},"x"]}', nested)).toBe('wrong');
  });
  it('does not take a list for an object with numbers as keys', () => {
    expect(score('{"0":1}', '[1]')).toBe('wrong');
    expect(score('[]', '{}')).toBe('wrong');
  });
  it('treats names of the language like any other key', () => {
    expect(score('{"__proto__":{"a":1}}', '{"__proto__":{"a":1}}')).toBe('correct');
    expect(score('{"toString":1}', '{"constructor":1}')).toBe('wrong');
    expect(score('{}', '{"__proto__":{}}')).toBe('wrong');
  });
  it('takes a bare number or word only when it is the whole answer', () => {
    expect(score(' 1.0 ', '1')).toBe('correct');
    expect(score('"yes"', '"yes"')).toBe('correct');
    expect(score('```json\n42\n```', '42')).toBe('correct');
    expect(score('The answer is 42.', '42')).toBe('unparsed');
    expect(findJson('true story')).toBeUndefined();
    expect(score('-0', '0')).toBe('correct');
  });
  it('finds the value behind a quotation mark that is never closed', () => {
    expect(score('5" screen: {"device":"light","room":"kitchen","percent":40}', wanted)).toBe('correct');
  });
});
