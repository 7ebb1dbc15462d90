import { describe, expect, it } from 'vitest';
import { Failure } from './failure.js';

describe('a failure as data', () => {
  it('keeps code, sentences and place', () => {
    const failure = new Failure('DATASET_ROW_INVALID', 'Row 3 has no answer.', {
      remedy: 'Give it one.',
      file: 'train.jsonl',
      row: 3,
    });
    expect(failure.toDetail()).toEqual({
      code: 'DATASET_ROW_INVALID',
      message: 'Row 3 has no answer.',
      remedy: 'Give it one.',
      retryable: false,
      file: 'train.jsonl',
      row: 3,
    });
    expect(Failure.fromDetail(failure.toDetail())).toMatchObject({ code: 'DATASET_ROW_INVALID', row: 3 });
  });

  it('can be stored and sent whatever the quoted text was', () => {
    const quoted = `a\0b${'\uD800'}c`;
    const detail = new Failure('BAD_DATA', quoted, { remedy: quoted, field: quoted, file: quoted }).toDetail();
    for (const text of [detail.message, detail.remedy, detail.field, detail.file]) expect(text).toBe('a\uFFFDb\uFFFDc');
  });

  it('does not outgrow an event', () => {
    const { message } = new Failure('BAD_DATA', '\u{1F600}'.repeat(100_000), { remedy: 'None.' }).toDetail();
    expect(message.length).toBeLessThan(4_100);
    expect(message.isWellFormed()).toBe(true);
  });
});
