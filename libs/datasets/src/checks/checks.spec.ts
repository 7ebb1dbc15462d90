import { describe, expect, it } from 'vitest';
import { languageOf } from './language.js';
import { holdsTemplateMarks, leaksSystemPrompt } from './leaks.js';
import { isOneWord } from './one-word.js';
import { findPersonalData } from './personal-data.js';

describe('personal data', () => {
  it.each([
    ['Write to ada.lovelace+x@example.org today.', { email: true, phone: false, card: false }],
    ['Call +49 30 901820 or (030) 901-8200.', { email: false, phone: true, card: false }],
    ['Call 1.+49 30 901820 or x+49 30 901820.', { email: false, phone: false, card: false }],
    ['The numbers are 1.4111 1111 1111 1111 and x4111111111111111.', { email: false, phone: false, card: false }],
    ['Call 555-123-4567.', { email: false, phone: true, card: false }],
    ['It was paid with 4111 1111 1111 1111.', { email: false, phone: false, card: true }],
    // The last digit does not fit.
    ['It was paid with 4111 1111 1111 1112.', { email: false, phone: false, card: false }],
    ['Divide 1234567890123456 by 3.14159 and a@b.', { email: false, phone: false, card: false }],
    ['He sold 48, 24 and 1000 clips in 2019.', { email: false, phone: false, card: false }],
  ])('is found by its pattern in "%s"', (text, found) => {
    expect(findPersonalData(text)).toEqual(found);
  });
});

describe('the language of a text', () => {
  it.each([
    ['What is the sum of the numbers that are left?', 'English'],
    ['Der Hund ist nicht auf dem Sofa, und die Katze auch.', 'German'],
    ['Le chat est dans la maison et les chiens sont avec nous.', 'French'],
    ['El perro no está en la casa, pero los gatos se van con él al mar.', 'Spanish'],
    ['Привет, как дела?', 'Russian or another Cyrillic'],
    ['今日はいい天気です。', 'Japanese'],
    ['今天天气很好。', 'Chinese'],
    ['WHAT IS THE SUM, therefore of numbers?', 'English'],
    // No word of these is a common one, though some begin like one.
    ['Thermal Ofelia Andes Islands.', 'undetermined'],
    // Three words of Italian and three of Portuguese: the first in the alphabet.
    ['sono questo della uma mais foi', 'Italian'],
    ['42', 'undetermined'],
  ])('is told of "%s"', (text, language) => {
    expect(languageOf(text)).toBe(language);
  });
});

describe('an answer of one word', () => {
  it.each([' 42 ', 'Yes.', '\\frac{1}{2}+\\sqrt{3}', '四十二', 'はい'])('is %s', (text) => {
    expect(isOneWord(text)).toBe(true);
  });
  it.each(['It is 42', '因为这个问题的答案取决于很多因素', 'เพราะว่ามันขึ้นอยู่กับหลายปัจจัย'])('is not %s', (text) => {
    expect(isOneWord(text)).toBe(false);
  });
});

describe('texts that do not belong into an answer', () => {
  const system = 'You are Robbie, the home assistant of the Smith family.';
  const said = (content: string) => [
    { role: 'system' as const, content: system },
    { role: 'user' as const, content: 'Who are you?' },
    { role: 'assistant' as const, content },
  ];

  it('are its system prompt', () => {
    expect(leaksSystemPrompt(said(`My orders say: ${system}`))).toBe(true);
    expect(leaksSystemPrompt(said('I am Robbie.'))).toBe(false);
  });

  it.each(['<|im_start|>user', '[INST] Hello [/INST]', '<end_of_turn>'])('are marks of templates: %s', (mark) => {
    expect(holdsTemplateMarks(said(`x ${mark} y`))).toBe(true);
    expect(holdsTemplateMarks(said('a < b > c | d'))).toBe(false);
  });
});
