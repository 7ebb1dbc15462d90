import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { choosePorts, loopback, portNames } from './ports.js';

const listening: Server[] = [];

async function listen(port: number): Promise<void> {
  const server = createServer().listen(port, loopback);
  listening.push(server);
  await once(server, 'listening');
}

afterEach(() => {
  for (const server of listening.splice(0)) server.close();
});

describe('the ports of the servers', () => {
  it('are different, and stay when they are kept', async () => {
    const first = await choosePorts({}, {});
    expect(new Set(Object.values(first)).size).toBe(portNames.length);
    expect(await choosePorts({}, first)).toEqual(first);
  });

  it('are below those of outgoing connections', async () => {
    for (const port of Object.values(await choosePorts({}, {}))) expect(port).toBeLessThan(32_768);
  });

  it('are replaced one by one when another program took a kept one', async () => {
    const first = await choosePorts({}, {});
    await listen(first.nats);
    const second = await choosePorts({}, first);
    expect(second.nats).not.toBe(first.nats);
    expect({ ...second, nats: first.nats }).toEqual(first);
  });

  it('are the ones asked for, also against kept ones', async () => {
    const kept = await choosePorts({}, {});
    const wanted = kept.postgres;
    const chosen = await choosePorts({ s3: wanted }, kept);
    expect(chosen.s3).toBe(wanted);
    expect(chosen.postgres).not.toBe(wanted);
  });

  it('cannot be asked for when another program has them', async () => {
    const { nats } = await choosePorts({}, {});
    await listen(nats);
    await expect(choosePorts({ nats }, {})).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: `Port ${nats} (nats) is taken by another program.`,
    });
  });

  it('cannot be asked for twice', async () => {
    const { nats } = await choosePorts({}, {});
    await expect(choosePorts({ nats, s3: nats }, {})).rejects.toMatchObject({ code: 'PORT_TAKEN' });
  });
});
