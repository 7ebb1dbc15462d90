import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { EvaluationReport, RunView } from '@anneal/contracts';
import { Command } from 'commander';
import { z } from 'zod';
import { promptTemplateName } from '../ask/prompt.template.js';
import type { RunningSystem } from '../embedded/system.js';
import { untilStopped } from '../embedded/until-stopped.js';
import { dataFolder, type Endpoints } from '../gateway/endpoints.js';
import { GatewayClient } from '../gateway/gateway.client.js';
import { readRunSpec } from '../run-spec/read-run-spec.js';
import { paint } from '../terminal/colours.js';
import { duration } from '../terminal/durations.js';
import { liveRun } from '../terminal/live-run.js';
import { alarmLines, datasetLines, outcomeLines } from '../terminal/run-lines.js';
import { scoreTable, sideBySide } from '../terminal/scores.js';

const example = join(import.meta.dirname, '..', '..', '..', '..', 'examples', 'home-control');
const shownItems = 5;
const specOnDisk = z.looseObject({ model: z.looseObject({ base: z.string() }) });

export function demoCommand(): Command {
  return new Command('demo')
    .description(
      'show a whole run: a real small model learns home control, is measured before and after, and is published',
    )
    .option('--data <dir>', 'data folder (default: .anneal/demo)')
    .action(async (options: { data?: string }) => {
      const dataDir = options.data ? dataFolder(options.data) : join(dataFolder(undefined), 'demo');
      const say = (line: string): void => console.log(line);
      const { signal } = untilStopped(() => say('Stopped at once.'));
      const began = Date.now();
      const { install, installModel } = await import('../embedded/installation.js');
      const installation = await install(say);
      const model = await installModel(installation.engine, say);
      if (signal.aborted) return;
      say(
        `Starting NATS, PostgreSQL, an S3 store and the six services in ${relative(process.cwd(), dataDir) || dataDir} ...`,
      );
      // All services: too much to load for whoever asks for something else.
      const { startSystem } = await import('../embedded/system.js');
      const system = await startSystem({ dataDir, installation, ports: {}, say: () => undefined });
      try {
        await show(system, model, dataDir, signal, say);
        say(
          `\nAll of this took ${duration((Date.now() - began) / 1000)}. What was made stays in ${relative(process.cwd(), dataDir) || dataDir}.`,
        );
      } catch (error) {
        if (!signal.aborted) throw error;
        say('\nStopping; the next demo starts a new run, and what was made stays.');
      } finally {
        await system.stop();
      }
      process.exit(process.exitCode ?? 0);
    });
}

async function show(
  system: RunningSystem,
  model: string,
  dataDir: string,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const spec = specOnDisk.parse(await readRunSpec(join(example, 'run.yaml')));
  const runId = `demo-${randomUUID().slice(0, 8)}`;
  await publishOnNats(system.endpoints, { ...spec, id: runId, model: { base: `file:${model}` } });
  say(`Published TrainRequested on NATS: run ${runId}.\n`);
  const client = new GatewayClient(system.endpoints);
  await client.whenKnown(runId, signal);
  const live = liveRun(process.stdout);
  const run = await client.watch(runId, live, signal);
  live.end();
  if (run.state !== 'succeeded' || !run.results) {
    say(`\n${outcomeLines(run).join('\n')}`);
    say(`The services' log is ${join(relative(process.cwd(), dataDir), 'log', 'services.log')}.`);
    process.exitCode = 1;
    return;
  }
  await sayResults(run, await client.report(runId), say);
  if (run.publishedTo) await sayWhereItLies(run, system.endpoints, dataDir, say);
}

async function publishOnNats(endpoints: Endpoints, spec: unknown): Promise<void> {
  const { connectNats, publishTrainRequest } = await import('@anneal/messaging');
  const connection = await connectNats({ url: endpoints.nats, name: 'anneal-demo' });
  try {
    await publishTrainRequest(connection, spec);
  } finally {
    await connection.close();
  }
}

async function sayResults(run: RunView, report: EvaluationReport, say: (line: string) => void): Promise<void> {
  if (run.dataset) say(`\n${datasetLines(run.dataset).join('\n')}`);
  say(`\n${paint('bold', 'Base against tuned, on held-out requests that training never showed')}`);
  say([scoreTable(run.results ?? []), ...alarmLines(run.alarms)].join('\n'));
  say(`\n${paint('bold', `${shownItems} of them, side by side`)}`);
  say(sideBySide(report, shownItems, process.stdout.columns || 120));
  say(`\n${paint('bold', `Verdict: ${report.verdict}`)}. ${report.reason}`);
  say(outcomeLines(run).slice(1).join('\n'));
}

async function sayWhereItLies(
  run: RunView,
  endpoints: Endpoints,
  dataDir: string,
  say: (line: string) => void,
): Promise<void> {
  const folder = join(dataDir, 'models', run.id);
  await exportModel(run, endpoints, folder);
  const shown = relative(process.cwd(), folder);
  say(
    `\nThe model lies in ${shown} (${paint('dim', 'config, weights, tokenizer: any Hugging Face loader takes it')}). Ask it something:`,
  );
  say(`  npx anneal ask ${shown} "Could you dim the lamp in the pantry to thirty percent?"`);
}

/** Puts the published model beside the data as plain files, with the prompt that it was trained with. */
async function exportModel(run: RunView, endpoints: Endpoints, folder: string): Promise<void> {
  if (existsSync(folder)) return;
  const url = new URL(endpoints.s3);
  const { connectStore } = await import('@anneal/artifacts');
  const store = connectStore({
    endpoint: url.origin,
    accessKey: decodeURIComponent(url.username),
    secretKey: decodeURIComponent(url.password),
    bucket: url.pathname.slice(1),
    region: 'us-east-1',
  });
  const [name = '', tag] = (run.publishedTo ?? '').replace(/^registry:/, '').split(':');
  const entry = await store.resolveTag(name, tag);
  await mkdir(join(folder, '..'), { recursive: true });
  await store.getDirectory(entry.artifact, folder);
  await copyFile(join(example, 'prompt.txt'), join(folder, promptTemplateName));
}
