import { Failure, type AcceptedRunSpec } from '@anneal/contracts';
import { parse } from 'yaml';
import { z } from 'zod';
import { chooseFiles, firstOf } from './hub.files.js';

type Wanted = Pick<AcceptedRunSpec['dataset'], 'config' | 'split'>;

const patterns = z.union([z.string().transform((pattern) => [pattern]), z.array(z.string())]);
const dataFiles = z.union([
  patterns.transform((path) => [{ split: 'train', path }]),
  z.array(z.object({ split: z.coerce.string(), path: patterns })),
]);
const configuration = z.object({
  // YAML reads some names as numbers.
  config_name: z.coerce.string(),
  data_files: dataFiles.optional(),
  data_dir: z.string().optional(),
  default: z.boolean().optional(),
});
type Configuration = z.infer<typeof configuration>;

const frontMatter = z.object({ configs: z.array(configuration).min(1) });

/**
 * Chooses the files of a Hub dataset as its own `README.md` says, where it says so in its front matter
 * (https://huggingface.co/docs/hub/datasets-manual-configuration), and by their names otherwise.
 *
 * @throws Failure DATASET_NOT_FOUND, or SPEC_UNSUPPORTED when there are several configurations and none is chosen
 */
export function filesOfConfig(paths: readonly string[], readme: string, name: string, wanted: Wanted): string[] {
  const configs = configurationsIn(readme);
  if (configs.length === 0) return chooseFiles(paths, name, wanted);
  const { config_name, data_files, data_dir } = chosenConfig(configs, name, wanted.config);
  const inside = data_dir === undefined ? paths : paths.filter((path) => path.startsWith(`${trimmed(data_dir)}/`));
  if (data_files === undefined) return chooseFiles(inside, name, { split: wanted.split, config: undefined });
  const found = data_files.find(({ split }) => split === wanted.split);
  if (!found) {
    const splits = data_files.map(({ split }) => `"${split}"`);
    throw new Failure(
      'DATASET_NOT_FOUND',
      `${name} has no split "${wanted.split}" in configuration "${config_name}"; it has ${firstOf(splits)}.`,
      { remedy: 'Name one of them in dataset.split.', field: 'dataset.split' },
    );
  }
  const chosen = matching(inside, found.path, data_dir);
  if (chosen.length > 0) return chosen;
  throw new Failure(
    'DATASET_NOT_FOUND',
    `${name} says in its README.md that split "${found.split}" is ${found.path.join(', ')}, but has no such file.`,
    { remedy: 'Choose another revision, or another configuration.', field: 'dataset.source' },
  );
}

function configurationsIn(readme: string): Configuration[] {
  const text = /^---\r?\n([^]*?)\r?\n---/.exec(readme)?.[1];
  if (text === undefined) return [];
  try {
    const parsed = frontMatter.safeParse(parse(text));
    return parsed.success ? parsed.data.configs : [];
  } catch {
    // A front matter that nobody can read says nothing; the names of the files still do.
    return [];
  }
}

function chosenConfig(configs: readonly Configuration[], name: string, wanted: string | undefined): Configuration {
  const [only, ...others] = configs;
  const names = configs.map(({ config_name }) => `"${config_name}"`);
  if (wanted !== undefined) {
    const found = configs.find(({ config_name }) => config_name === wanted);
    if (found) return found;
    throw new Failure('DATASET_NOT_FOUND', `${name} has no configuration "${wanted}"; it has ${firstOf(names)}.`, {
      remedy: 'Name one of them in dataset.config.',
      field: 'dataset.config',
    });
  }
  const usual = configs.find((config) => config.default === true || config.config_name === 'default');
  if (only && (others.length === 0 || usual)) return usual ?? only;
  throw new Failure('SPEC_UNSUPPORTED', `${name} has several configurations: ${firstOf(names)}.`, {
    remedy: 'Name one of them in dataset.config.',
    field: 'dataset.config',
  });
}

function matching(paths: readonly string[], wanted: readonly string[], folder: string | undefined): string[] {
  const base = folder === undefined ? '' : `${trimmed(folder)}/`;
  const found = wanted.flatMap((pattern) => {
    const expression = globExpression(pattern.startsWith(base) ? trimmed(pattern) : `${base}${trimmed(pattern)}`);
    return paths.filter((path) => expression.test(path)).toSorted();
  });
  return [...new Set(found)];
}

function trimmed(path: string): string {
  return path.replace(/^(\.?\/)+|\/+$/g, '');
}

/** `*` within a folder, `**` across folders, `?` one character, `[abc]` one of them, `{a,b}` one of those. */
export function globExpression(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/|\*\*|\*|\?|\[[^\]/]+\]|\{[^}/]+\}|[^]/g, (part) => {
    if (part === '**/') return '(?:.*/)?';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    const inside = part.slice(1, -1);
    if (part.length > 1 && part.startsWith('[')) return `[${inside.replace(/^!/, '^').replace(/[\\\]]/g, '\\$&')}]`;
    if (part.length > 1) return `(?:${inside.split(',').map(escaped).join('|')})`;
    return escaped(part);
  });
  return new RegExp(`^${source}$`);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
