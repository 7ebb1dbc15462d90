import { Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { outlastOutputs } from './outlasting.js';

const failing = (code: string): Writable =>
  new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error(`${code}: it cannot be written`), { code }));
    },
  });

function reading(): { stream: Writable; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { stream, text: () => text };
}

afterEach(() => {
  process.exitCode = undefined;
});

describe('an output that cannot be written', () => {
  it('tells by the exit status that a result was lost', async () => {
    const [stdout, { stream: stderr, text }] = [failing('ENOSPC'), reading()];
    outlastOutputs({ stdout, stderr });
    stdout.write('{}');
    await pause(10);
    expect(process.exitCode).toBe(1);
    expect(text()).toMatch(/^The output could not be written: ENOSPC/);
  });

  it('is no error when its reader has seen enough', async () => {
    const [stdout, { stream: stderr, text }] = [failing('EPIPE'), reading()];
    outlastOutputs({ stdout, stderr });
    stdout.write('{}');
    await pause(10);
    expect([process.exitCode, text()]).toEqual([undefined, '']);
  });

  it('ends nothing when nobody reads the messages either', async () => {
    const [stdout, stderr] = [failing('ENOSPC'), failing('ENOSPC')];
    outlastOutputs({ stdout, stderr });
    stderr.write('postgres: died\n');
    stdout.write('{}');
    await pause(10);
    expect(process.exitCode).toBe(1);
  });
});
