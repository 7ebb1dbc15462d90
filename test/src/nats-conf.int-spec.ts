import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { serviceNames } from '@anneal/contracts';
import { installServers } from '@anneal/embedded/install';
import { expect, it } from 'vitest';

const config = join(import.meta.dirname, '..', '..', 'infra', 'nats', 'nats.conf');

it('the configuration that docker-compose gives to NATS is one that the server takes', async () => {
  const { nats } = await installServers();
  const passwords = ['admin', ...serviceNames].map((name) => [`NATS_PASSWORD_${name.toUpperCase()}`, `of-${name}`]);
  const { status, stderr } = spawnSync(nats, ['-t', '-c', config], {
    encoding: 'utf8',
    env: Object.fromEntries(passwords) as Record<string, string>,
  });
  expect(stderr).toMatch(/is valid/);
  expect(status).toBe(0);
});
