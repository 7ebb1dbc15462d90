import { parse } from 'yaml';
import { InvalidSpec } from '../runs/spec.check.js';

export const largestBodyBytes = 1024 * 1024;
export const jsonTypes = ['application/json'];
export const yamlTypes = ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml'];

/** @throws InvalidSpec with the place at which the text is no JSON */
export function readJson(text: string): unknown {
  return read(text, 'JSON', (given) => JSON.parse(given) as unknown);
}

/** @throws InvalidSpec with the place at which the text is no YAML */
export function readYaml(text: string): unknown {
  // Aliases are of no use in a RunSpec, and a few lines of them unfold into gigabytes.
  return read(text, 'YAML', (given) => parse(given, { maxAliasCount: 0, logLevel: 'error' }) as unknown);
}

function read(text: string, format: string, parser: (text: string) => unknown): unknown {
  if (text.trim() === '') return undefined;
  try {
    return parser(text);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '').replace(/[.:]$/, '') : 'unknown error';
    throw new InvalidSpec([{ field: '(whole)', message: `the body is not ${format} (${reason})` }]);
  }
}
