import { describe, expect, it } from 'vitest';
import { Failure } from '@anneal/contracts';
import { explainFileError, explainOutput } from './start-failure.js';

describe('a server that does not start', () => {
  it('is explained by its last telling line', () => {
    const failure = explainOutput('postgres', 'LOG: starting\nFATAL: bad setting\nLOG: shut down\n', 'Look.');
    expect(failure.code).toBe('SERVER_START_FAILED');
    expect(failure.message).toBe('postgres did not start: FATAL: bad setting');
    expect(failure.remedy).toBe('Look.');
  });

  it('is a full disk when it says so', () => {
    expect(explainOutput('s3', 'write: no space left on device', '').code).toBe('DISK_FULL');
  });

  it('is a taken port when it says so', () => {
    expect(explainOutput('nats', 'listen tcp 127.0.0.1:1: bind: address already in use', '').code).toBe('PORT_TAKEN');
  });

  it('is explained even when it printed nothing', () => {
    expect(explainOutput('nats', '', '').message).toBe('nats did not start: it said nothing');
  });
});

describe('an error of the file system', () => {
  it('becomes a failure when the user can act on it', () => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    expect(explainFileError(full)).toMatchObject({ code: 'DISK_FULL', cause: full });
    expect(explainFileError(Object.assign(new Error('denied'), { code: 'EACCES' }))).toBeInstanceOf(Failure);
  });

  it('stays itself otherwise', () => {
    const other = new Error('other');
    expect(explainFileError(other)).toBe(other);
  });
});
