import type { Environment } from '@anneal/service';

const removed = '[removed]';
const secretName = /key|token|secret|password|credential/i;
/** Anything shorter would take whole words out of the texts. */
const shortest = 6;
const randomName = 16;

/** What a secret looks like wherever it stands: this project's own, and those of the services that it talks to. */
const forms: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, removed],
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"'<>]+@/gi, `$1${removed}@`],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi, `$1 ${removed}`],
  [/\bann_[a-z0-9]{12}_[A-Za-z0-9_-]{43}/g, removed],
  [/\b(?:hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[a-z]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16})/g, removed],
  // The random secrets of a data folder. Digests are longer and revisions shorter.
  [/\b[0-9a-f]{48}\b/g, removed],
  [
    /("[^"]*(?:password|secret|token|api_?key|access_?key|authorization|credential)[^"]*"\s*:\s*)"(?:[^"\\]|\\.)*"/gi,
    `$1"${removed}"`,
  ],
  [/(\b\w*(?:password|secret|token|api_?key|access_?key|credential)\w*\s*=\s*)[^\s,;"']+/gi, `$1${removed}`],
];

/** Takes secrets out of texts: those that are known by their value, and all that have the form of one. */
export class Redaction {
  private readonly known: readonly string[];

  constructor(values: readonly string[]) {
    const written = values.flatMap((value) => [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)]);
    // The longest first: one may be a part of another.
    this.known = [...new Set(written)]
      .filter(({ length }) => length >= shortest)
      .toSorted((a, b) => b.length - a.length);
  }

  of(text: string): string {
    const withoutKnown = this.known.reduce((rest, value) => rest.replaceAll(value, removed), text);
    return forms.reduce((rest, [form, instead]) => rest.replaceAll(form, instead), withoutKnown);
  }
}

/** The secrets of an environment: what is named like one, and what logs in within an address. */
export function secretsOf(environment: Environment): string[] {
  return Object.entries(environment).flatMap(([name, value = '']) => {
    if (secretName.test(name)) return [value];
    if (!URL.canParse(value)) return [];
    const { username, password } = new URL(value);
    // An access key is in the place of a user; the names of users are words that stand everywhere.
    return [password, ...(username.length >= randomName ? [username] : [])].map((part) => decodeURIComponent(part));
  });
}
