import type { ServerResponse } from 'node:http';

/** What the Hub answers; it is sent, cut or lost by the server, as the faults say. */
export interface Reply {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
}

export function json(value: unknown, headers: Record<string, string> = {}, status = 200): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}

/** An error as the Hub words it: a sentence in the body, a code for programs in a header. */
export function refusal(status: number, error: string, code?: string): Reply {
  return json({ error }, code === undefined ? {} : { 'X-Error-Code': code }, status);
}

/** A file, or the part of it that a Range header asks for. */
export function content(bytes: Buffer, range: string | undefined, headers: Record<string, string>): Reply {
  const asked = /^bytes=(\d+)-(\d*)$/.exec(range ?? '');
  if (!asked) return { status: 200, headers, body: bytes };
  const start = Number(asked[1]);
  const end = asked[2] ? Math.min(Number(asked[2]), bytes.length - 1) : bytes.length - 1;
  if (start >= bytes.length) return { status: 416, headers: { 'Content-Range': `bytes */${bytes.length}` } };
  return {
    status: 206,
    headers: { ...headers, 'Content-Range': `bytes ${start}-${end}/${bytes.length}` },
    body: bytes.subarray(start, end + 1),
  };
}

export function send(
  response: ServerResponse,
  { status, headers = {}, body = Buffer.alloc(0) }: Reply,
  cut: boolean,
): void {
  response.writeHead(status, { ...headers, 'content-length': String(body.length) });
  if (!cut) {
    response.end(body);
    return;
  }
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
}
