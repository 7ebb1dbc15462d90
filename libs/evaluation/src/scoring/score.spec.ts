import { describe, expect, it } from 'vitest';
import { findJson, jsonShare } from './json.js';
import { scoreNamed, scoringOf } from './score.js';

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

describe('share of a JSON object', () => {
  const wanted = '{"device":"light","room":"kitchen","percent":40}';
  it.each([
    ['{"percent":40.0,"room":"kitchen","device":"light"}', 1],
    ['{"device":"light","room":"hall","percent":40}', 2 / 3],
    ['{"device":"light"}', 1 / 3],
    ['{"device":"light","room":"kitchen","percent":40,"colour":"red"}', 3 / 4],
    ['I would not know.', 0],
    ['[1]', 0],
  ])('%s has %d of it', (answer, share) => {
    expect(jsonShare(answer, wanted)).toBeCloseTo(share, 12);
  });
  it('is all or nothing for anything but objects', () => {
    expect(jsonShare('[1, 2]', '[1, 2]')).toBe(1);
    expect(jsonShare('[1, 3]', '[1, 2]')).toBe(0);
    expect(jsonShare('{}', '{}')).toBe(1);
  });
});

describe('regular expression', () => {
  const { score, problemOf } = scoringOf({ score: 'regex' });
  it('looks for the pattern anywhere in the answer', () => {
    expect(score('It is Paris, of course.', '(?i)\\bparis\\b')).toBe('correct');
    expect(score('It is Parish.', '\\bParis\\b')).toBe('wrong');
    expect(score('Paris', '^Paris$')).toBe('correct');
    expect(score('Paris\nRome', '^Paris$')).toBe('wrong');
  });
  it.each(['(x+x+)+y', '(a|aa)+$', '(.*)*b', '^(([a-z])+.)+[A-Z]([a-z])+$'])(
    'takes no longer for %s, over which others hang, and 100 kB',
    (pattern) => {
      const started = performance.now();
      score(`${'x'.repeat(50_000)}${'a'.repeat(50_000)}!`, pattern);
      expect(performance.now() - started).toBeLessThan(1000);
    },
  );
  it('says what is wrong with a pattern', () => {
    expect(problemOf?.('(')).toContain('missing closing )');
    expect(problemOf?.('(a)\\1')).toContain('RE2 does not know');
    expect(problemOf?.('a(?=b)')).toContain('RE2 does not know');
    expect(problemOf?.('(a{1000}){1000}')).toContain('RE2 does not know');
    expect(problemOf?.('a'.repeat(1001))).toContain('more than 1000 characters');
    expect(problemOf?.('^\\d+$')).toBeUndefined();
  });
});

describe('number', () => {
  const { score, problemOf } = scoringOf({ score: 'number' });
  it.each([
    ['42', '42'],
    ['The answer is 42.', '42'],
    ['6 * 7 = 42', '42.0'],
    ['#### 1,234.50', '1234.5'],
    ['It costs $1,234,567!', '1234567'],
    ['-3', '-3'],
    ['\u22123', '-3'],
    ['x = -0.5', '-.5'],
    ['4.2e1', '42'],
    ['between 3-4', '4'],
    ['(1,2)', '2'],
    ['\\boxed{17}', '17'],
    ['50%', '50'],
  ])('%j is %s', (answer, expected) => {
    expect(score(answer, expected)).toBe('correct');
  });
  it.each(['no idea', '', 'NaN', 'Infinity', '1e999', 'forty-two'])('finds no number in %j', (answer) => {
    expect(score(answer, '42')).toBe('unparsed');
  });
  it('calls another number wrong, and goes by the last one', () => {
    expect(score('42 apples and 3 pears', '42')).toBe('wrong');
    expect(score('42.0001', '42')).toBe('wrong');
  });
  it('takes what lies within the larger tolerance', () => {
    const near = scoringOf({ score: 'number', tolerance: 0.01, relativeTolerance: 0.001 }).score;
    expect(near('3.14', '3.1416')).toBe('correct');
    expect(near('3.12', '3.1416')).toBe('wrong');
    expect(near('1000.9', '1000')).toBe('correct');
    expect(near('-1000.9', '-1000')).toBe('correct');
    expect(near('1001.1', '1000')).toBe('wrong');
  });
  it('asks for one finite number on the expected side', () => {
    for (const fine of ['42', ' -1,234.5 ', '1e3']) expect(problemOf?.(fine)).toBeUndefined();
    for (const broken of ['NaN', '', 'about 3', '1 or 2', '1e999']) expect(problemOf?.(broken)).toContain('finite');
  });
  it('takes no longer for 100 kB of digits and commas', () => {
    const started = performance.now();
    for (const piece of ['1', '1,', '-', '1.', '1e', '1,000']) score(`${piece.repeat(50_000)}x`, '1');
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('multiple choice', () => {
  const { score, read, problemOf } = scoringOf({ score: 'choice' });
  it('finds the letter in an answer of any length', () => {
    for (const answer of ['B', 'B.', '(B)', 'The answer is (B).', 'Answer: B', 'It cannot be A, so B'])
      expect(score(answer, 'B')).toBe('correct');
    expect(score('C', 'B')).toBe('wrong');
    expect(score('none of them', 'B')).toBe('unparsed');
    expect(read?.('Answer: B')).toEqual({ letter: 'B', step: 2 });
  });
  it('asks for a letter on the expected side', () => {
    expect(problemOf?.('J')).toBeUndefined();
    expect(problemOf?.('K')).toContain('no letter from A to J');
  });
});

describe("lm-eval's exact_match", () => {
  const ignoring = (...ignore: ('case' | 'punctuation' | 'numbers')[]) =>
    scoringOf({ score: 'lm-eval:exact_match', ignore }).score;
  it('looks at every character but those that are ignored', () => {
    expect(ignoring()('Paris', 'Paris')).toBe('correct');
    expect(ignoring()('paris', 'Paris')).toBe('wrong');
    expect(ignoring('case')('paris', 'PARIS')).toBe('correct');
    expect(ignoring('case', 'punctuation')('paris.', 'Paris')).toBe('correct');
    expect(ignoring('numbers')('it is 42', 'it is 43')).toBe('correct');
    expect(ignoring('case', 'punctuation', 'numbers')(' Paris', 'Paris')).toBe('wrong');
  });
});
