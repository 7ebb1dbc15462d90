import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { Failure, acceptRunSpec, type AcceptedRunSpec, type RunSpec } from '@anneal/contracts';
import { SourceCache, stageSource, type Reach, type SourceField } from '@anneal/datasets';
import { locateBaseModel, lockedPackages } from '@anneal/engine';
import { benchmarkTexts } from '@anneal/evaluation';
import { digestOfFile, manifestName, packagesFolder, writeManifest, type BundleFile } from './bundle.manifest.js';
import { packTar } from './tar.js';

export interface CreateOptions {
  /** A folder, or a file that ends with `.tar`. */
  readonly output: string;
  readonly hub: { readonly endpoint: string; readonly token: string | undefined };
  /** Python of the engine, which fetches models. */
  readonly python: string;
  /** Fetches what the installers need into a folder; left out where they have a network. */
  readonly fetchPackages?: ((into: string) => Promise<void>) | undefined;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export interface CreatedBundle {
  readonly output: string;
  readonly files: number;
  readonly bytes: number;
  readonly carried: readonly string[];
  readonly left: readonly string[];
}

/**
 * Fetches what runs need from outside, with the code and into the folders of the services, and writes down what came. When
 * it is interrupted, the same call goes on where it stopped.
 */
export async function createBundle(specs: readonly RunSpec[], options: CreateOptions): Promise<CreatedBundle> {
  const { output, hub, signal, say } = options;
  const archived = output.endsWith('.tar');
  const folder = archived ? `${output}.parts` : output;
  await mkdir(folder, { recursive: true });
  await rm(join(folder, manifestName), { force: true });
  const carried = new Set<string>();
  const left = new Set<string>();
  for (const spec of specs) {
    for (const { reference, bring } of piecesOf(acceptRunSpec(spec, 'bundle'), folder, options)) {
      if (carried.has(reference) || left.has(reference)) continue;
      if (!isOutside(reference)) left.add(reference);
      else {
        say(`fetching ${reference} ...`);
        await bring();
        carried.add(reference);
      }
    }
  }
  await options.fetchPackages?.(join(folder, packagesFolder));
  say('hashing ...');
  const files = await filesOf(folder, [...servicesFolders, ...(options.fetchPackages ? [packagesFolder] : [])], signal);
  const content = {
    runs: specs.map(({ name, id, model }) => name ?? id ?? model.base),
    ...{ hub: hub.endpoint, carried: [...carried], left: [...left], files },
    engine: await lockedPackages(),
  };
  await writeFile(join(folder, `${manifestName}.new`), writeManifest(content));
  await rename(join(folder, `${manifestName}.new`), join(folder, manifestName));
  if (archived) {
    say(`writing ${output} ...`);
    // The manifest comes first: whoever reads the archive knows of each file what it must be.
    await packTar(`${output}.new`, folder, [manifestName, ...files.map(({ path }) => path)]);
    await rename(`${output}.new`, output);
    await rm(folder, { recursive: true });
  }
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return { output, files: files.length, bytes, carried: content.carried, left: content.left };
}

const servicesFolders = ['sources/content', 'sources/entries', 'models'];

interface Piece {
  readonly reference: string;
  readonly bring: () => Promise<unknown>;
}

function piecesOf(spec: AcceptedRunSpec, folder: string, { hub, python, signal }: CreateOptions): Piece[] {
  const { model, dataset, evaluation } = spec;
  const reach: Reach = {
    fileRoots: ['/'],
    hub,
    cache: new SourceCache(join(folder, 'sources'), Number.MAX_SAFE_INTEGER),
  };
  const source = (reference: string, field: SourceField): Piece => ({
    reference: `${reference} (${[dataset.config, dataset.split, dataset.revision].filter(Boolean).join(', ')})`,
    bring: () =>
      inPassing(folder, (directory) =>
        stageSource({ ...dataset, source: reference }, { field, directory, signal, reach }),
      ),
  });
  return [
    {
      reference: `${model.base} (${model.revision})`,
      bring: () =>
        locateBaseModel(model, {
          ...{ hub, engine: { python }, workDir: folder, signal, resolveFile: notHere },
          ...{ store: { resolveTag: notHere }, place: notHere },
        }),
    },
    source(dataset.source, 'dataset.source'),
    ...(dataset.heldOutFrom === undefined ? [] : [source(dataset.heldOutFrom, 'dataset.heldOutFrom')]),
    ...evaluation.benchmarks.flatMap((benchmark) =>
      'source' in benchmark && benchmark.source !== undefined
        ? [
            {
              reference: `${benchmark.source}${'revision' in benchmark ? ` (${benchmark.revision})` : ''}`,
              bring: () =>
                inPassing(folder, async (directory) => {
                  const { unchecked } = await benchmarkTexts(
                    // Whether or not rows are compared with it, the evaluation asks it.
                    { evaluation: { ...evaluation, benchmarks: [benchmark] }, dataset: { decontamination: 'flag' } },
                    { reach, directory, signal },
                  );
                  for (const { failure } of unchecked) throw failure;
                }),
            },
          ]
        : [],
    ),
  ];
}

function isOutside(reference: string): boolean {
  return !/^(file|registry|artifact|s3):/.test(reference);
}

async function notHere(): Promise<never> {
  throw new Failure('SPEC_UNSUPPORTED', 'A bundle carries what is fetched from outside, and nothing else.', {
    remedy: 'Name a model of the Hub.',
  });
}

/** What is made of the fetched content in a folder is not carried; the content itself is in the cache. */
async function inPassing(folder: string, work: (directory: string) => Promise<unknown>): Promise<void> {
  const directory = await mkdtemp(join(folder, 'passing-'));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The files that services and installers look for; what only helps to fetch stays behind. */
async function filesOf(folder: string, parts: readonly string[], signal: AbortSignal): Promise<BundleFile[]> {
  const files: BundleFile[] = [];
  for (const below of parts) {
    const entries = await readdir(join(folder, below), { withFileTypes: true, recursive: true }).catch(() => []);
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const path = relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/');
      if (path.startsWith('models/home/') || path.split('/').includes('.cache')) continue;
      const { size } = await stat(join(folder, path));
      files.push({ path, size, sha256: await digestOfFile(join(folder, path), signal) });
    }
  }
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
