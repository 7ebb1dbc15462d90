import { createHmac, randomBytes } from 'node:crypto';

/** A secret of Standard Webhooks (standardwebhooks.com): `whsec_` and base64 of 256 random bits. */
export function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/**
 * Signs a body as Standard Webhooks does: HMAC-SHA256 over `id.timestamp.body`. While an old secret is still good, both
 * signatures stand side by side.
 */
export function signatures(
  secrets: readonly string[],
  { id, timestamp, body }: { id: string; timestamp: number; body: string },
): string {
  return secrets
    .map((secret) => {
      const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
      return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
    })
    .join(' ');
}
