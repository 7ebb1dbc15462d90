import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import { Failure, parseRunSpec, type RunSpec } from '@anneal/contracts';
import { parse, YAMLParseError } from 'yaml';

/** @throws Failure SPEC_INVALID, which names the first field that is wrong */
export function requireSpec(value: unknown, file: string | undefined): RunSpec {
  const parsed = parseRunSpec(value);
  if (parsed.ok) return parsed.spec;
  const [problem] = parsed.problems;
  throw new Failure('SPEC_INVALID', `${problem?.field ?? 'The RunSpec'}: ${problem?.message ?? 'is not valid'}.`, {
    remedy: 'Correct this field.',
    ...(problem ? { field: problem.field } : {}),
    ...(file === undefined ? {} : { file }),
  });
}

/** Reads a RunSpec and makes its file: references absolute, so that the services find the same files. */
export async function readRunSpec(file: string): Promise<unknown> {
  return absoluteReferences(await readYaml(file), dirname(resolve(file)));
}

/** @throws Failure SPEC_INVALID, which names the file */
export async function readYaml(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new Failure('SPEC_INVALID', `${file} cannot be read.`, {
      remedy: 'Name an existing RunSpec; examples/ has some.',
      file,
      cause,
    });
  }
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof YAMLParseError)) throw cause;
    throw new Failure('SPEC_INVALID', `${file} is not YAML: ${cause.message.split('\n')[0] ?? ''}`, {
      remedy: 'Correct the line that is named.',
      file,
      cause,
    });
  }
}

/** Makes every file: reference absolute that is relative to a folder. */
export function absoluteReferences(value: unknown, folder: string): unknown {
  if (typeof value === 'string' && value.startsWith('file:')) {
    const path = value.slice('file:'.length).replace(/^\/\//, '');
    return `file:${isAbsolute(path) ? path : resolve(folder, path)}`;
  }
  if (Array.isArray(value)) return value.map((entry) => absoluteReferences(entry, folder));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, absoluteReferences(entry, folder)]));
}
