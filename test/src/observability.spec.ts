import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { serviceNames } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { readMetricTable } from './exposition.js';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'infra', 'observability');
const read = (...path: string[]): string => readFileSync(join(...path), 'utf8');

const alerts = z
  .object({
    groups: z.tuple([
      z.object({
        rules: z.array(
          z.object({
            alert: z.string(),
            expr: z.string(),
            labels: z.object({ severity: z.enum(['critical', 'warning', 'info']) }),
            annotations: z.object({ summary: z.string(), runbook: z.string() }),
          }),
        ),
      }),
    ]),
  })
  .parse(parse(read(folder, 'alerts.yml'))).groups[0].rules;
const dashboards = readdirSync(join(folder, 'grafana', 'dashboards')).map((file) => ({
  file,
  ...z
    .object({
      uid: z.string(),
      panels: z.array(z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })) })),
    })
    .parse(JSON.parse(read(folder, 'grafana', 'dashboards', file))),
}));
const table = readMetricTable(read(root, 'docs', 'metrics.md'));

/** What a query may ask for: a documented metric, and the series that a histogram is made of. */
const documented = new Set(
  table.flatMap(({ name, type }) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
);
const labelsOf = new Set(['service', 'job', 'instance', 'le', 'anneal', ...table.flatMap(({ labels }) => [...labels])]);

describe('docs/runbook.md', () => {
  const runbook = read(root, 'docs', 'runbook.md');
  const sections = [...runbook.matchAll(/^## (\w+)\n\n([^]*?)(?=^## |(?![^]))/gm)];

  it('has a section for each alert, in their order, and none for another', () => {
    expect(sections.map(([, name]) => name)).toEqual(alerts.map(({ alert }) => alert));
  });

  it.each(sections.map(([, name = '', text = '']) => ({ name, text })))(
    'says of $name what it means, what to look at and what to do',
    ({ text }) => {
      for (const part of ['**Means**', '**Look at**', '**Do**']) expect(text).toContain(part);
    },
  );

  it('is linked by each alert at its own section', () => {
    for (const { alert, annotations } of alerts)
      expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
  });
});

describe('alerts and dashboards', () => {
  const queries = [
    ...alerts.map(({ alert, expr }) => ({ of: alert, expr })),
    ...dashboards.flatMap(({ file, panels }) =>
      panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ of: `${file}, ${title}`, expr }))),
    ),
  ];

  it('ask for documented metrics only', () => {
    for (const { of, expr } of queries)
      for (const [name] of expr.matchAll(/\banneal_\w+/g))
        expect([of, [...documented]]).toEqual([of, expect.arrayContaining([name])]);
  });

  it('sum up and filter by documented labels only', () => {
    for (const { of, expr } of queries) {
      const filtered = [...expr.matchAll(/(\w+)(?:=|!=|=~|!~)"/g)].map(([, label = '']) => label);
      const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '));
      expect([of, [...filtered, ...grouped].filter((label) => !labelsOf.has(label))]).toEqual([of, []]);
    }
  });

  it('are told apart by their names', () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
    expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(dashboards.length);
  });
});

describe('prometheus.yml', () => {
  it('asks each service of docker-compose.yml once, by its name there', () => {
    const config = z
      .object({
        rule_files: z.array(z.string()),
        scrape_configs: z.array(
          z.object({
            static_configs: z.array(
              z.object({ targets: z.array(z.string()), labels: z.record(z.string(), z.string()) }),
            ),
          }),
        ),
      })
      .parse(parse(read(folder, 'prometheus.yml')));
    const targets = config.scrape_configs.flatMap(({ static_configs }) => static_configs);
    expect(targets).toEqual(serviceNames.map((service) => ({ targets: [`${service}:8080`], labels: { service } })));
    for (const file of config.rule_files) expect(existsSync(join(folder, file))).toBe(true);
  });
});
