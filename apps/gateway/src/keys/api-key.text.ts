import { createHash, randomBytes } from 'node:crypto';

/** An API key in its parts: the id may be shown and logged, the secret is known to its owner alone. */
export interface ApiKeyText {
  readonly id: string;
  readonly secret: string;
}

const form = /^ann_([a-z0-9]{12})_([A-Za-z0-9_-]{43})$/;
const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** @returns a new key, `ann_<id>_<secret>` with 256 random bits as its secret */
export function newApiKey(): ApiKeyText {
  const id = [...randomBytes(12)].map((byte) => letters.charAt(byte % letters.length)).join('');
  return { id, secret: randomBytes(32).toString('base64url') };
}

export function writeApiKey({ id, secret }: ApiKeyText): string {
  return `ann_${id}_${secret}`;
}

export function readApiKey(text: string): ApiKeyText | undefined {
  const [, id, secret] = form.exec(text) ?? [];
  return id !== undefined && secret !== undefined ? { id, secret } : undefined;
}

/** What is kept of a secret. A plain hash suffices: nobody can guess 256 random bits. */
export function digestOfSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
