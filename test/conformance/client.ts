import { OpenAI, type ClientOptions } from 'openai';
import { inject } from 'vitest';

/** The official client, set up as its users set it up. */
export function connect(options: ClientOptions = {}): OpenAI {
  const { http, apiKey } = inject('endpoints');
  return new OpenAI({ baseURL: `${http}/v1`, apiKey, ...options });
}
