import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { measureRequests, type HttpServer } from './request.metrics.js';

let registry: Registry;
let adapter: FastifyAdapter;
beforeEach(() => {
  registry = new Registry();
  adapter = new FastifyAdapter();
  const server = adapter.getInstance();
  measureRequests(registry, adapter.getInstance<HttpServer>());
  server.get('/runs/:id', async (request, reply) => {
    const { id } = request.params as { id: string };
    return reply.status(id === 'unknown' ? 404 : 200).send({ id });
  });
  server.get('/watch', async (_, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
    reply.raw.end('data: 1\n\n');
  });
});
afterEach(() => adapter.close());

async function afterAsking(...urls: string[]): Promise<string> {
  for (const url of urls) await adapter.inject({ method: 'GET', url });
  return registry.metrics();
}

it('counts answers by the pattern of the route and the class of the status, and takes their time', async () => {
  const told = await afterAsking('/runs/a', '/runs/b', '/runs/unknown');
  expect(told).toContain('anneal_http_requests_total{method="GET",route="/runs/:id",status="2xx"} 2');
  expect(told).toContain('anneal_http_requests_total{method="GET",route="/runs/:id",status="4xx"} 1');
  expect(told).toContain('anneal_http_request_duration_seconds_bucket{le="60",method="GET",route="/runs/:id"} 3');
});

it('has one series for all addresses that lead nowhere', async () => {
  expect(await afterAsking('/nowhere', '/else')).toContain(
    'anneal_http_requests_total{method="GET",route="none",status="4xx"} 2',
  );
});

it('takes no time of a stream, which lasts as long as it is watched', async () => {
  const told = await afterAsking('/watch');
  expect(told).toContain('anneal_http_requests_total{method="GET",route="/watch",status="2xx"} 1');
  expect(told).not.toContain('anneal_http_request_duration_seconds_count');
});
