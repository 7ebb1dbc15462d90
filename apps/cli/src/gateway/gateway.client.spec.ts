import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findGateway } from './endpoints.js';
import { GatewayClient } from './gateway.client.js';

let server: Server | undefined;
afterEach(() => {
  server?.close();
  vi.unstubAllEnvs();
});

async function answering(text: string): Promise<GatewayClient> {
  server = createServer((_request, response) => response.end(text)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return new GatewayClient({ http: `http://127.0.0.1:${port}`, apiKey: 'x' });
}

describe('the client of the gateway', () => {
  it.each([
    ['a page', '<html>welcome</html>'],
    ['other JSON', '{"models": []}'],
  ])('says so when something else listens there and answers with %s', async (_what, text) => {
    const client = await answering(text);
    await expect(client.list(1)).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('not as a gateway does') as string,
    });
  });

  it('is not led elsewhere by half an address', async () => {
    vi.stubEnv('ANNEAL_URL', 'http://127.0.0.1:9');
    vi.stubEnv('ANNEAL_API_KEY', '');
    await expect(findGateway(undefined)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
