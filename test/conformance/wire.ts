/** What stands in for the client's fetch: it sends everything, and writes down or loses what a test asks for. */
export interface Wire {
  readonly fetch: typeof fetch;
  /** Method and path of every call, in order. */
  readonly calls: string[];
  /** Bodies of answers that the client never saw. */
  readonly lost: unknown[];
}

/** @param loses how many answers are lost, from the first on, although the server gave them */
export function makeWire({ loses = 0 } = {}): Wire {
  const calls: string[] = [];
  const lost: unknown[] = [];
  const send: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    calls.push(`${request.method} ${new URL(request.url).pathname}`);
    const response = await fetch(request);
    if (lost.length >= loses) return response;
    lost.push(await response.json());
    throw new TypeError('the connection broke before the answer');
  };
  return { fetch: send, calls, lost };
}
