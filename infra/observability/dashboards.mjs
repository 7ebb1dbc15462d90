// Writes Grafana's dashboards from the queries below: `npm run generate`. What the numbers mean: docs/metrics.md.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const noProbes = 'route!~"/health/.*|/metrics"';
const attempts = 'anneal_job_attempt_duration_seconds';

/** A panel: its title, the unit of Grafana that its numbers have, and its queries by what each line is called. */
const dashboards = [
  {
    uid: 'anneal-overview',
    title: 'Anneal: overview',
    panels: [
      ['Services that answer', 'short', { '{{service}}': 'max by (service) (up{job="anneal"})' }],
      ['Ready', 'short', { '{{service}}': 'min by (service) (anneal_ready)' }],
      ['Database, broker, events, store', 'short', { '{{part}}': 'min by (part) (anneal_part_up)' }],
      ['Jobs that wait', 'short', { '{{service}} {{kind}}': 'max by (service, kind) (anneal_jobs{state="ready"})' }],
      ['Jobs at work', 'short', { '{{service}} {{kind}}': 'max by (service, kind) (anneal_leases_held)' }],
      [
        'Oldest job that waits',
        's',
        { '{{service}} {{kind}}': 'max by (service, kind) (anneal_job_oldest_waiting_seconds)' },
      ],
      [
        'Jobs done',
        'short',
        { '{{service}} {{kind}} {{state}}': 'max by (service, kind, state) (anneal_jobs{state=~"succeeded|failed"})' },
      ],
      [
        'Attempts in an hour',
        'short',
        {
          '{{service}} {{kind}} {{outcome}}': `sum by (service, kind, outcome) (increase(${attempts}_count[1h])) > 0 or sum by (service, kind, outcome) (increase(${attempts}_count{outcome="failed"}[1h]))`,
        },
      ],
      ['Outbox lag', 's', { '{{service}}': 'max by (service) (anneal_outbox_lag_seconds)' }],
      ['Outbox length', 'short', { '{{service}}': 'max by (service) (anneal_outbox_pending)' }],
      ['Dead letters', 'short', { '{{service}}': 'max by (service) (anneal_dead_letters)' }],
      ['Devices', 'short', { '{{device}} {{state}}': 'sum by (device, state) (anneal_device_slots)' }],
      [
        'Disk of WORK_DIR, free',
        'percentunit',
        {
          '{{service}}': 'min by (service) (anneal_work_disk_free_bytes / anneal_work_disk_size_bytes)',
        },
      ],
      ['Memory', 'bytes', { '{{service}}': 'max by (service) (process_resident_memory_bytes{job="anneal"})' }],
      ['Versions', 'short', { '{{version}} {{build}}': 'count by (version, build) (anneal_build_info)' }],
    ],
  },
  {
    uid: 'anneal-stages',
    title: 'Anneal: runs and stages',
    panels: [
      ['Runs at work', 'short', { '{{service}}': 'sum by (service) (anneal_stage_runs)' }],
      ['How far', 'percentunit', { '{{service}}': 'min by (service) (anneal_stage_progress_ratio)' }],
      ['Time left', 's', { '{{service}}': 'max by (service) (anneal_stage_seconds_left)' }],
      ['Silent for', 's', { '{{service}}': 'max by (service) (anneal_stage_silent_seconds)' }],
      ['Training: tokens per second', 'short', { tokens: 'sum(anneal_training_tokens_per_second)' }],
      ['Training: loss', 'short', { '{{instance}}': 'anneal_training_loss' }],
      [
        'Training: steps per second',
        'short',
        { steps: 'sum(rate(anneal_stage_done_total{service="trainer",unit="steps"}[1m]))' },
      ],
      [
        'Evaluation: items per second',
        'short',
        { items: 'sum(rate(anneal_stage_done_total{service="evaluator",unit="items"}[1m]))' },
      ],
      [
        'Work per second',
        'short',
        { '{{service}} {{unit}}': 'sum by (service, unit) (rate(anneal_stage_done_total[1m]))' },
      ],
      [
        'Mean time of an ended job',
        's',
        {
          '{{service}} {{kind}}':
            'max by (service, kind) (anneal_job_seconds{state="succeeded"} / (anneal_jobs{state="succeeded"} > 0))',
        },
      ],
      [
        'Attempts, 9 of 10 shorter than',
        's',
        {
          '{{service}} {{kind}}': `histogram_quantile(0.9, sum by (service, kind, le) (increase(${attempts}_bucket{outcome="succeeded"}[6h])))`,
        },
      ],
      [
        'Jobs that wait for another try',
        'short',
        { '{{service}} {{kind}}': 'max by (service, kind) (anneal_jobs_retrying)' },
      ],
      ['Leases overdue', 'short', { '{{service}} {{kind}}': 'max by (service, kind) (anneal_leases_overdue)' }],
    ],
  },
  {
    uid: 'anneal-gateway',
    title: 'Anneal: gateway',
    panels: [
      [
        'Requests per second, by class of status',
        'reqps',
        { '{{status}}': `sum by (status) (rate(anneal_http_requests_total{service="gateway",${noProbes}}[5m]))` },
      ],
      [
        'Requests per second, by route',
        'reqps',
        {
          '{{method}} {{route}}': `sum by (method, route) (rate(anneal_http_requests_total{service="gateway",${noProbes}}[5m]))`,
        },
      ],
      [
        'Share of requests that fail',
        'percentunit',
        {
          failing: `sum(rate(anneal_http_requests_total{service="gateway",status="5xx",${noProbes}}[5m])) / sum(rate(anneal_http_requests_total{service="gateway",${noProbes}}[5m])) or vector(0)`,
        },
      ],
      [
        'Answers, half and 19 of 20 faster than',
        's',
        Object.fromEntries(
          [0.5, 0.95].map((share) => [
            String(share),
            `histogram_quantile(${share}, sum by (le) (rate(anneal_http_request_duration_seconds_bucket{service="gateway",${noProbes}}[5m])))`,
          ]),
        ),
      ],
      [
        'Answers by route, 19 of 20 faster than',
        's',
        {
          '{{method}} {{route}}': `histogram_quantile(0.95, sum by (method, route, le) (rate(anneal_http_request_duration_seconds_bucket{service="gateway",${noProbes}}[5m])))`,
        },
      ],
      ['CPU', 'percentunit', { '{{instance}}': 'rate(process_cpu_seconds_total{service="gateway"}[5m])' }],
      ['Memory', 'bytes', { '{{instance}}': 'process_resident_memory_bytes{service="gateway"}' }],
      ['Event loop lag', 's', { '{{instance}}': 'nodejs_eventloop_lag_p99_seconds{service="gateway"}' }],
    ],
  },
];

const datasource = { type: 'prometheus', uid: 'anneal-prometheus' };
const width = 8;
const height = 8;

function panelOf([title, unit, queries], index) {
  return {
    id: index + 1,
    type: 'timeseries',
    title,
    datasource,
    gridPos: { x: (index % 3) * width, y: Math.floor(index / 3) * height, w: width, h: height },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets: Object.entries(queries).map(([legendFormat, expr], position) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + position),
      datasource,
      expr,
      legendFormat,
    })),
  };
}

const folder = join(import.meta.dirname, 'grafana', 'dashboards');
mkdirSync(folder, { recursive: true });
for (const { uid, title, panels } of dashboards) {
  const dashboard = {
    uid,
    title,
    tags: ['anneal'],
    schemaVersion: 39,
    editable: false,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: { list: [] },
    panels: panels.map(panelOf),
  };
  writeFileSync(join(folder, `${uid}.json`), `${JSON.stringify(dashboard, null, 2)}\n`);
}
