type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * What allows a page of a listed origin to call the API from a browser (https://fetch.spec.whatwg.org/#http-cors-protocol).
 * Keys come in a header and never as cookies, so credentials are not allowed.
 *
 * @returns nothing for a request of no page, or of one that is not listed
 */
export function corsHeaders(origins: readonly string[], { origin }: Headers): Record<string, string> | undefined {
  if (typeof origin !== 'string' || !origins.includes(origin)) return undefined;
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'GET, POST, DELETE',
    'access-control-allow-headers': 'authorization, content-type, idempotency-key, last-event-id, x-request-id',
    'access-control-expose-headers': 'x-request-id, x-should-retry, retry-after',
    'access-control-max-age': '600',
    vary: 'origin',
  };
}
