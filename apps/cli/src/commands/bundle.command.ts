import { join, resolve } from 'node:path';
import { defaultCache } from '@anneal/setup';
import { Command } from 'commander';
import { dataFolder } from '../gateway/endpoints.js';
import { readRunSpec, requireSpec } from '../run-spec/read-run-spec.js';
import { bytes } from '../terminal/sizes.js';
import { printJson } from './options.js';

interface CreateOptions {
  readonly output: string;
  readonly enginePython?: string;
  readonly packages: boolean;
  readonly json: boolean;
}

interface LoadOptions {
  readonly data?: string;
  readonly workDir?: string;
  readonly json: boolean;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Carries what runs need from outside to a machine that has no network. */
export function bundleCommand(): Command {
  return new Command('bundle')
    .description('carry base models, datasets and benchmarks to a machine without a network')
    .addCommand(
      new Command('create')
        .description('fetch what runs need from outside, and write it down with its digests')
        .argument('<specs...>', 'RunSpecs (YAML or JSON)')
        .requiredOption('--output <path>', 'a folder, or a file that ends with .tar')
        .option('--engine-python <path>', 'Python of the engine (default: the installed one, or it is installed)')
        .option('--packages', 'also what the engine, lm-eval and the embedded servers are installed from (3 GB)', false)
        .option('--json', 'print nothing but JSON on standard output', false)
        .addHelpText(
          'after',
          '\nInterrupted, the same call goes on where it stopped. HF_ENDPOINT and HF_TOKEN name the Hub and the account.',
        )
        .action(create),
    )
    .addCommand(
      new Command('load')
        .description('check a bundle, and put its content where the services of this machine look for it')
        .argument('<bundle>', 'the folder or .tar file')
        .option('--data <dir>', 'data folder of "anneal up" (default: ANNEAL_DATA, else .anneal)')
        .option('--work-dir <dir>', 'WORK_DIR of services that run otherwise, in the place of --data')
        .option('--json', 'print nothing but JSON on standard output', false)
        .addHelpText(
          'after',
          '\nWhat is wrong with a bundle is said, and nothing of it is loaded. It may be loaded again.',
        )
        .action(load),
    );
}

async function create(files: string[], { output, enginePython, packages, json }: CreateOptions): Promise<void> {
  const specs = await Promise.all(files.map(async (file) => requireSpec(await readRunSpec(file), file)));
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('interrupted')));
  const { createBundle } = await import('../bundle/create.bundle.js');
  const { fetchInstallers } = await import('../embedded/installation.js');
  const created = await createBundle(specs, {
    output: resolve(output),
    hub: { endpoint: process.env.HF_ENDPOINT ?? 'https://huggingface.co', token: process.env.HF_TOKEN },
    python: enginePython ?? (await installedPython()),
    fetchPackages: packages ? (into) => fetchInstallers(into, say) : undefined,
    signal: stop.signal,
    say,
  });
  if (json) return printJson(created);
  console.log(`${created.files} files, ${bytes(created.bytes)}, are in ${created.output}.`);
  for (const reference of created.left) console.log(`Not carried, to be there already: ${reference}`);
}

async function installedPython(): Promise<string> {
  const { install } = await import('../embedded/installation.js');
  return (await install(say)).engine.python;
}

async function load(bundle: string, { data, workDir, json }: LoadOptions): Promise<void> {
  const { loadBundle } = await import('../bundle/load.bundle.js');
  const target = workDir === undefined ? join(dataFolder(data), 'work') : resolve(workDir);
  const loaded = await loadBundle(resolve(bundle), { workDir: target, cache: defaultCache(), say });
  if (json) return printJson(loaded);
  console.log(
    `${loaded.files} files, ${bytes(loaded.bytes)}, are in ${loaded.workDir}. Start the services with OFFLINE=true.`,
  );
  const { HF_ENDPOINT: hub = 'https://huggingface.co' } = process.env;
  if (loaded.hub !== hub)
    console.log(`It was made at the Hub ${loaded.hub}: set HF_ENDPOINT to that for the services.`);
  if (loaded.packages)
    console.log(`Packages are in ${loaded.cache}: installing takes them from there, and asks no index.`);
  for (const reference of loaded.left) console.log(`Not in it, to be here already: ${reference}`);
  for (const { name, there, here } of loaded.differences) {
    console.log(`The engine has ${name} ${here} here, and ${there} where the bundle was made.`);
  }
}
