import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataFolder, type DataFolder } from './data-folder.js';
import { ServerState } from './state.js';

let folder: DataFolder;

beforeEach(() => {
  folder = openDataFolder(mkdtempSync(join(tmpdir(), 'anneal-state-')));
});

afterEach(() => rmSync(folder.root, { recursive: true, force: true }));

describe('the state of a data folder', () => {
  it('is readable by its owner only', () => {
    ServerState.open(folder).secret('gateway');
    expect(statSync(folder.stateFile).mode & 0o777).toBe(0o600);
  });

  it('makes a secret once and keeps it', () => {
    const made = ServerState.open(folder).secret('gateway');
    expect(made).toMatch(/^[0-9a-f]{48}$/);
    const reopened = ServerState.open(folder);
    expect(reopened.secret('gateway')).toBe(made);
    expect(reopened.secret('trainer')).not.toBe(made);
  });

  it('has no part of a secret in names such as those of every object', () => {
    expect(ServerState.open(folder).secret('constructor')).toMatch(/^[0-9a-f]{48}$/);
  });

  it.each([
    [0, 'an older'],
    [2, 'a newer'],
  ])('of layout %i is refused as made by %s version', (layout, age) => {
    writeFileSync(folder.stateFile, JSON.stringify({ layout }));
    expect(() => ServerState.open(folder)).toThrow(
      expect.objectContaining({
        code: 'DATA_FOLDER_OLD',
        message: `The data folder ${folder.root} was made by ${age} version of Anneal.`,
      }),
    );
  });

  it.each(['', '{', '{"layout":1}', '{"layout":1,"ports":{"nats":0},"secrets":{}}'])('"%s" is refused', (text) => {
    writeFileSync(folder.stateFile, text);
    expect(() => ServerState.open(folder)).toThrow(expect.objectContaining({ code: 'DATA_FOLDER_OLD' }));
    expect(readFileSync(folder.stateFile, 'utf8')).toBe(text);
  });

  it('is not begun anew beside data whose passwords it had', () => {
    mkdirSync(folder.postgres);
    writeFileSync(join(folder.postgres, 'PG_VERSION'), '18\n');
    expect(() => ServerState.open(folder)).toThrow(/has lost its state\.json/);
  });
});
