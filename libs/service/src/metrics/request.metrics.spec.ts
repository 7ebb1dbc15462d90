import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { measureRequests, type HttpServer } from './request.metrics.js';

type Hook = Parameters<HttpServer['addHook']>[1];

/** What is told after some answers. */
async function after(...answers: { url?: string; statusCode: number; type?: string; ms?: number }[]): Promise<string> {
  const registry = new Registry();
  const hooks: Hook[] = [];
  measureRequests(registry, { addHook: (_, hook) => hooks.push(hook) });
  for (const { url, statusCode, type = 'application/json', ms = 20 } of answers) {
    const request = { method: 'GET', routeOptions: { url } };
    for (const hook of hooks) await hook(request, { raw: { statusCode, getHeader: () => type }, elapsedTime: ms });
  }
  return registry.metrics();
}

it('counts answers by the pattern of the route and the class of the status, and takes their time', async () => {
  const told = await after(
    { url: '/api/runs/:id', statusCode: 200 },
    { url: '/api/runs/:id', statusCode: 204, ms: 300 },
    { url: '/api/runs/:id', statusCode: 404 },
  );
  expect(told).toContain('anneal_http_requests_total{method="GET",route="/api/runs/:id",status="2xx"} 2');
  expect(told).toContain('anneal_http_requests_total{method="GET",route="/api/runs/:id",status="4xx"} 1');
  expect(told).toContain(
    'anneal_http_request_duration_seconds_bucket{le="0.025",method="GET",route="/api/runs/:id"} 2',
  );
  expect(told).toContain('anneal_http_request_duration_seconds_count{method="GET",route="/api/runs/:id"} 3');
});

it('has one series for all addresses that lead nowhere', async () => {
  expect(await after({ statusCode: 404 }, { statusCode: 404 })).toContain(
    'anneal_http_requests_total{method="GET",route="none",status="4xx"} 2',
  );
});

it('takes no time of a stream, which lasts as long as it is watched', async () => {
  const told = await after({ url: '/watch', statusCode: 200, type: 'text/event-stream; charset=utf-8', ms: 9e6 });
  expect(told).toContain('anneal_http_requests_total{method="GET",route="/watch",status="2xx"} 1');
  expect(told).not.toContain('anneal_http_request_duration_seconds_count');
});
