import { createHash, createHmac } from 'node:crypto';

/** Where an S3 store is, and who asks. */
export interface S3Login {
  readonly endpoint: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
}

const requestLimitMs = 3_000;
const signedHeaders = 'host;x-amz-content-sha256;x-amz-date';

/**
 * Sends one signed request (AWS signature version 4), enough to see whether a store works. The path may hold only
 * characters that need no escaping.
 */
export async function sendS3Request(login: S3Login, method: string, path: string, body = ''): Promise<Response> {
  const url = new URL(path, login.endpoint);
  return fetch(url, {
    method,
    ...(body === '' ? {} : { body }),
    headers: signRequest(login, method, url, body, new Date()),
    signal: AbortSignal.timeout(requestLimitMs),
  });
}

/** The headers that carry the signature of a request. */
export function signRequest(login: S3Login, method: string, url: URL, body: string, now: Date): Record<string, string> {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const scope = `${day}/${login.region}/s3/aws4_request`;
  const bodyHash = sha256(body);
  const request = [
    method,
    url.pathname,
    '',
    `host:${url.host}`,
    `x-amz-content-sha256:${bodyHash}`,
    `x-amz-date:${time}`,
    '',
    signedHeaders,
    bodyHash,
  ].join('\n');
  const key = [day, login.region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${login.secretKey}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope, sha256(request)].join('\n')).toString('hex');
  return {
    'x-amz-date': time,
    'x-amz-content-sha256': bodyHash,
    authorization: `AWS4-HMAC-SHA256 Credential=${login.accessKey}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
