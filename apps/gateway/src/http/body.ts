import { Failure } from '@anneal/contracts';
import { parse } from 'yaml';
import { InvalidSpec } from '../runs/spec.check.js';

export const largestBodyBytes = 1024 * 1024;
export const jsonTypes = ['application/json'];
export const yamlTypes = ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml'];

/** @throws Failure REQUEST_INVALID with the place at which the text is no JSON: not every body is a RunSpec */
export function readJson(text: string): unknown {
  return read(
    text,
    (given) => JSON.parse(given) as unknown,
    (reason) =>
      new Failure('REQUEST_INVALID', `The body is not JSON (${reason}).`, {
        remedy: 'Correct the text there and send the request again.',
      }),
  );
}

/** @throws InvalidSpec with the place at which the text is no YAML */
export function readYaml(text: string): unknown {
  // Aliases are of no use in a RunSpec, and a few lines of them unfold into gigabytes.
  return read(
    text,
    (given) => parse(given, { maxAliasCount: 0, logLevel: 'error' }) as unknown,
    (reason) => new InvalidSpec([{ field: '(whole)', message: `the body is not YAML (${reason})` }]),
  );
}

function read(text: string, parser: (text: string) => unknown, refusal: (reason: string) => Failure): unknown {
  if (text.trim() === '') return undefined;
  try {
    return parser(text);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '').replace(/[.:]$/, '') : 'unknown error';
    throw refusal(reason);
  }
}
