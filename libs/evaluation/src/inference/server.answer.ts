import { z } from 'zod';
import type { ServerReply } from './server.connection.js';

const choice = z.object({
  text: z.string().nullish(),
  message: z.object({ content: z.string().nullish() }).nullish(),
  finish_reason: z.string().nullish(),
});
const completion = z.object({
  choices: z.tuple([choice]).rest(choice),
  usage: z.object({ completion_tokens: z.int() }).partial().nullish(),
});

/** What a reply of an inference server comes to. */
export type ReadReply =
  | { readonly kind: 'answer'; readonly text: string; readonly finish: 'stop' | 'length'; readonly tokens: number }
  | { readonly kind: 'too_long' }
  /** Not now; the same question may be answered later. */
  | { readonly kind: 'busy'; readonly what: string; readonly pauseMs: number }
  /** Something that is no answer, with a status that says it is one. */
  | { readonly kind: 'unreadable'; readonly what: string }
  /** This question will not be answered, however often it is asked. */
  | { readonly kind: 'refused'; readonly what: string; readonly everything: boolean };

/** Statuses that say that the same request may succeed later: https://www.rfc-editor.org/rfc/rfc9110#section-15 */
const later = [408, 409, 425, 429];
/** Statuses that no other question would change: no such route or model, or no right to ask. */
const wrongServer = [401, 403, 404, 405];

/** Reads what came back for a question, a conversation or a text. */
export function readReply(reply: ServerReply, { chat, stop }: { chat: boolean; stop: readonly string[] }): ReadReply {
  const { status, text } = reply;
  if (status >= 200 && status < 300) return readCompletion(text, chat, stop);
  if (later.includes(status) || status >= 500) {
    return { kind: 'busy', what: `answered ${status}`, pauseMs: retryAfterMs(reply) };
  }
  if (status === 400 && /context length|max_model_len|too long/i.test(text)) return { kind: 'too_long' };
  const what = `refused with ${status}: ${text.slice(0, 500)}`;
  return { kind: 'refused', what, everything: wrongServer.includes(status) };
}

function readCompletion(source: string, chat: boolean, stop: readonly string[]): ReadReply {
  const parsed = completion.safeParse(parseJson(source));
  if (!parsed.success) return { kind: 'unreadable', what: `answered what is no completion: ${excerpt(source)}` };
  const [first] = parsed.data.choices;
  // Nothing at all is an answer, too: the model ended at once.
  const raw = (chat ? first.message?.content : first.text) ?? '';
  const text = cutAtStop(raw, stop);
  const finish = first.finish_reason === 'length' && text === raw ? 'length' : 'stop';
  return { kind: 'answer', text, finish, tokens: parsed.data.usage?.completion_tokens ?? 0 };
}

function parseJson(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    return undefined;
  }
}

function excerpt(source: string): string {
  const line = source.replace(/\s+/g, ' ').trim();
  if (line === '') return 'an empty body';
  return line.length > 120 ? `${line.slice(0, 120)} ...` : line;
}

/** Some servers leave the text that ended an answer in it, others do not. */
function cutAtStop(text: string, stop: readonly string[]): string {
  const places = stop.map((end) => text.indexOf(end)).filter((place) => place >= 0);
  return places.length > 0 ? text.slice(0, Math.min(...places)) : text;
}

/** Seconds, or a date: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 */
function retryAfterMs({ headers }: ServerReply): number {
  const wish = headers['retry-after'];
  if (wish === undefined) return 0;
  const ms = /^[\d.]+$/.test(wish) ? Number(wish) * 1000 : Date.parse(wish) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}
