import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { get } from './get.js';

type Answering = (request: IncomingMessage, response: ServerResponse) => void;

const stops: (() => void)[] = [];
afterEach(() => stops.splice(0).forEach((stop) => stop()));

async function serve(answering: Answering): Promise<{ host: string; url: string; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    answering(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, url: `http://${host}`, asked };
}

const redirect =
  (location: string): Answering =>
  (_request, response) =>
    response.writeHead(302, { location }).end();
const options = (targets: string[], more: object = {}) => ({
  targets,
  signal: new AbortController().signal,
  stallMs: 5_000,
  ...more,
});

describe('an address that is asked', () => {
  it('is one of the internet, unless the operator names it', async () => {
    const { url, host } = await serve((_request, response) => response.end('here'));
    await expect(get(url, options(['public']))).rejects.toMatchObject({ code: 'SOURCE_REFUSED', retryable: false });
    await expect(get(url, options([]))).rejects.toMatchObject({ code: 'SOURCE_REFUSED' });
    for (const targets of [['any'], ['public', host], ['127.0.0.1']])
      expect(await text((await get(url, options(targets))).body)).toBe('here');
  });

  it('is checked as the name is resolved', async () => {
    const { host, asked } = await serve((_request, response) => response.end());
    const url = `https://localhost:${host.split(':')[1]}/data.jsonl`;
    await expect(get(url, options(['public']))).rejects.toMatchObject({
      code: 'SOURCE_REFUSED',
      message: `${url} lies inside this network.`,
    });
    expect(asked).toEqual([]);
  });

  it.each([
    'http://example.com/',
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:7f00:1]/',
    'https://0x7f.1/',
    'https://2130706433/',
    'https://user:password@example.com/',
    'ftp://example.com/',
    'file:///etc/passwd',
    'no address',
  ])('is refused: %s', async (url) => {
    await expect(get(url, options(['public']))).rejects.toMatchObject({ code: 'SOURCE_REFUSED' });
  });
});

describe('a redirect', () => {
  it.each([
    'http://169.254.169.254/latest/meta-data',
    'https://127.0.0.1/',
    'https://[::ffff:a00:1]/',
    'file:///etc/passwd',
  ])('into the network is not followed: %s', async (location) => {
    const { url, host } = await serve(redirect(location));
    await expect(get(`${url}/start`, options(['public', host]))).rejects.toMatchObject({
      code: 'SOURCE_REFUSED',
      message: expect.stringContaining(
        `${url}/start leads to ${new URL(location).origin === 'null' ? '' : location}`,
      ) as string,
    });
  });

  it('to another server gets no token', async () => {
    const there = await serve((_request, response) => response.end('there'));
    const here = await serve((request, response) =>
      request.url === '/' ? redirect('/next')(request, response) : redirect(there.url)(request, response),
    );
    const answer = await get(here.url, options(['any'], { token: 'hf_secret' }));
    expect(await text(answer.body)).toBe('there');
    expect(here.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer hf_secret', 'Bearer hf_secret']);
    expect(there.asked[0]?.headers.authorization).toBeUndefined();
  });

  it('that goes round is given up', async () => {
    const { url, asked } = await serve(redirect('/again'));
    await expect(get(url, options(['any']))).rejects.toMatchObject({ code: 'SOURCE_REFUSED' });
    expect(asked).toHaveLength(6);
  });
});

describe('a server that', () => {
  it('is silent is given up, before its answer and in the middle of it', async () => {
    const silent = await serve(() => undefined);
    const stalled = { code: 'SOURCE_UNAVAILABLE', retryable: true };
    await expect(get(silent.url, options(['any'], { stallMs: 100 }))).rejects.toMatchObject(stalled);
    const halfway = await serve((_request, response) =>
      response.writeHead(200, { 'content-length': '10' }).write('half'),
    );
    const { body } = await get(halfway.url, options(['any'], { stallMs: 100 }));
    await expect(text(body)).rejects.toMatchObject({ message: expect.stringContaining('sent nothing for') as string });
  });

  it('is away is tried again later', async () => {
    await expect(get('http://127.0.0.1:1/', options(['any']))).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE' });
  });

  it('is no longer wanted is left', async () => {
    const abort = new AbortController();
    const { url } = await serve(() => abort.abort('enough'));
    await expect(get(url, options(['any'], { signal: abort.signal }))).rejects.toBe('enough');
  });
});
