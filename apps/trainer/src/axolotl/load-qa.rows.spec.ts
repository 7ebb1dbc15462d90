import { type Failure } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { questionAndAnswer } from './load-qa.rows.js';

const turn = (role: string, content: string) => ({ role, content });

describe('questionAndAnswer', () => {
  it('takes the question and the answer of a short conversation', () => {
    expect(questionAndAnswer({ messages: [turn('user', '1+1?'), turn('assistant', '2')] }, 1)).toEqual({
      question: '1+1?',
      answer: '2',
    });
  });

  it('puts a system prompt before the question', () => {
    const messages = [turn('system', 'Add.'), turn('user', '1+1?'), turn('assistant', '2')];
    expect(questionAndAnswer({ messages }, 1).question).toBe('Add.\n\n1+1?');
  });

  it('refuses a longer conversation and names the row', () => {
    const messages = [turn('user', 'a'), turn('assistant', 'b'), turn('user', 'c'), turn('assistant', 'd')];
    expect(() => questionAndAnswer({ messages }, 7)).toThrowError(
      expect.objectContaining({ code: 'DATASET_ROW_INVALID', row: 7, field: 'training.prompt' }) as Failure,
    );
  });
});
