import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endWhenStalled } from './stalled.download.js';

const MiB = 1024 * 1024;
const piece = Buffer.alloc(MiB);
const server = createServer();
let url: string;
beforeEach(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** What is sent, and what comes: more than fits into the buffers between the two. */
async function download(): Promise<{ sent: Readable; came: IncomingMessage }> {
  const sent = Readable.from(Array.from({ length: 60 }, () => piece));
  server.once('request', (_request, response: ServerResponse) => {
    endWhenStalled(response, 1_500);
    response.on('close', () => sent.destroy());
    sent.pipe(response);
  });
  const [came] = (await once(get(url), 'response')) as [IncomingMessage];
  return { sent, came };
}

describe('a download', () => {
  it('ends when its reader takes nothing any more', async () => {
    const { sent, came } = await download();
    came.on('error', () => undefined);
    await once(sent, 'close', { signal: AbortSignal.timeout(15_000) });
    expect(sent.readableEnded).toBe(false);
  });

  it('goes on for one that is slow', async () => {
    const { came } = await download();
    let bytes = 0;
    for await (const chunk of came) {
      bytes += (chunk as Buffer).length;
      if (bytes % (4 * MiB) < 65_536) await delay(200);
    }
    expect(bytes).toBe(60 * MiB);
  });
});
