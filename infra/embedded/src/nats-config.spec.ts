import { describe, expect, it } from 'vitest';
import { checkNatsUsers, renderNatsConfig, type NatsUser } from './nats-config.js';
import { portNames, type PortName } from './ports.js';

const ports = Object.fromEntries(portNames.map((name, index) => [name, 20_000 + index])) as Record<PortName, number>;

function render(users: NatsUser[], throwaway = false): string {
  const passwordOf = (user: string): string => `password of "${user}"`;
  return renderNatsConfig({ ports, storeFolder: '/data/nats', users, passwordOf, throwaway });
}

describe('the NATS configuration', () => {
  it('listens on loopback only and syncs every write', () => {
    const config = render([]);
    expect(config).toContain('listen: "127.0.0.1:20000"');
    expect(config).toContain('http: "127.0.0.1:20001"');
    expect(config).toContain('sync_interval: always');
    expect(render([], true)).not.toContain('sync_interval');
  });

  it('always has an administrator of the account and a system user', () => {
    const config = render([]);
    expect(config).toContain('{ user: "admin", password: "password of \\"admin\\"" }');
    expect(config).toContain('{ user: "sys", password: "password of \\"sys\\"" }');
  });

  it('limits a user to the subjects it may use', () => {
    const config = render([
      { name: 'trainer', permissions: { publish: ['a.*', 'b'], subscribe: ['_INBOX_trainer.>'] } },
    ]);
    expect(config).toContain(
      'permissions: { publish: { allow: ["a.*", "b"] }, subscribe: { allow: ["_INBOX_trainer.>"] } }',
    );
  });

  it('takes an empty list as "nothing", which the server would not', () => {
    const config = render([{ name: 'reader', permissions: { publish: [], subscribe: ['a'] } }]);
    expect(config).toContain('publish: { deny: [">"] }');
  });

  it.each(['admin', 'sys', '', 'two words', '1st', 'quote"'])('refuses the user name "%s"', (name) => {
    expect(() => checkNatsUsers([{ name }])).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('refuses a name that is used twice', () => {
    expect(() => checkNatsUsers([{ name: 'trainer' }, { name: 'trainer' }])).toThrow(/twice/);
  });
});
