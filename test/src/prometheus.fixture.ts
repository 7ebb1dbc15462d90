import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installPrometheus, type InstalledPrometheus } from '@anneal/observability/install';
import { SetupError } from '@anneal/setup';
import { parse, stringify } from 'yaml';
import { z } from 'zod';

export const observability = join(import.meta.dirname, '..', '..', 'infra', 'observability');

/** Prometheus and promtool, or why they are not here. */
export async function findPrometheus(): Promise<InstalledPrometheus | { missing: string }> {
  return installPrometheus().catch((error: unknown) => {
    if (error instanceof SetupError && error.code === 'SETUP_NETWORK') return { missing: error.message };
    throw error;
  });
}

const configuration = z.looseObject({
  global: z.looseObject({ scrape_interval: z.string(), scrape_timeout: z.string(), evaluation_interval: z.string() }),
  rule_files: z.array(z.string()),
  scrape_configs: z.tuple([
    z.looseObject({
      static_configs: z.array(z.object({ targets: z.array(z.string()), labels: z.object({ service: z.string() }) })),
    }),
  ]),
});

const ruleGroups = z.object({
  data: z.object({
    groups: z.array(
      z.object({
        rules: z.array(
          z.object({ name: z.string(), health: z.string(), state: z.string(), lastError: z.string().optional() }),
        ),
      }),
    ),
  }),
});
const series = z.object({
  data: z.object({
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), values: z.array(z.unknown()) })),
  }),
});

/** A real Prometheus with the configuration of operators, but for the targets and for how often it looks. */
export class Prometheus {
  private readonly startedAt = Date.now() / 1000;

  private constructor(
    private readonly child: ChildProcess,
    private readonly url: string,
  ) {}

  /** @param addresses HOST:PORT of each service */
  static async start(
    { prometheus }: InstalledPrometheus,
    folder: string,
    addresses: ReadonlyMap<string, string>,
  ): Promise<Prometheus> {
    await mkdir(folder, { recursive: true });
    const file = join(folder, 'prometheus.yml');
    await writeFile(file, configurationFor(addresses));
    const args = [`--config.file=${file}`, `--storage.tsdb.path=${folder}/data`, '--web.listen-address=127.0.0.1:0'];
    const child = spawn(prometheus, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    const address = await new Promise<string>((resolve, reject) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-20_000);
        const found = /msg="Listening on" address=(\S+)/.exec(said)?.[1];
        if (found) resolve(found);
      });
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`Prometheus ended with ${code}: ${said}`)));
    });
    return new Prometheus(child, `http://${address}`);
  }

  /** The series that an expression has given since the start. */
  async seriesOf(expression: string): Promise<Record<string, string>[]> {
    const [start, end] = [`${this.startedAt}`, `${Date.now() / 1000}`];
    const body = new URLSearchParams({ query: expression, start, end, step: '1' });
    const response = await fetch(`${this.url}/api/v1/query_range`, { method: 'POST', body });
    const text = await response.text();
    if (!response.ok) throw new Error(`${expression}: ${text}`);
    return series.parse(JSON.parse(text)).data.result.map(({ metric }) => metric);
  }

  async alerts(): Promise<{ name: string; health: string; state: string; lastError?: string | undefined }[]> {
    const response = await fetch(`${this.url}/api/v1/rules`);
    return ruleGroups.parse(await response.json()).data.groups.flatMap(({ rules }) => rules);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await gone;
  }
}

function configurationFor(addresses: ReadonlyMap<string, string>): string {
  const config = configuration.parse(parse(readFileSync(join(observability, 'prometheus.yml'), 'utf8')));
  Object.assign(config.global, { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '2s' });
  config.rule_files = config.rule_files.map((name) => join(observability, name));
  for (const target of config.scrape_configs[0].static_configs) {
    target.targets = [addresses.get(target.labels.service) ?? ''];
  }
  return stringify(config);
}
