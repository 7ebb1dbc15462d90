import { describe, expect, it } from 'vitest';
import { chooseAccount } from './postgres-account.js';

describe('the account that PostgreSQL runs as', () => {
  it('is its own for an ordinary user', () => {
    expect(chooseAccount({ isRoot: false, dataOwner: 1000, namespacesWork: true })).toBe('own');
  });

  it('is a user namespace for root', () => {
    expect(chooseAccount({ isRoot: true, namespacesWork: true })).toBe('namespace');
    expect(chooseAccount({ isRoot: true, dataOwner: 0, namespacesWork: true })).toBe('namespace');
  });

  it('is nobody for root without user namespaces', () => {
    expect(chooseAccount({ isRoot: true, namespacesWork: false })).toBe('nobody');
  });

  it('stays the owner of data that exists', () => {
    expect(chooseAccount({ isRoot: true, dataOwner: 65_534, namespacesWork: true })).toBe('dataOwner');
  });
});
