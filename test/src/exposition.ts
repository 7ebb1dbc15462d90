/** A metric as a service exposes it, or as it is documented. */
export interface ExposedMetric {
  readonly name: string;
  readonly type: string;
  /** Of the metric's own; `service` is everywhere, and `le` belongs to the form of histograms. */
  readonly labels: ReadonlySet<string>;
}

/** Reads the text form of Prometheus, as far as this project's own metrics are concerned. */
export function readExposition(text: string): Map<string, ExposedMetric> {
  const found = new Map<string, { name: string; type: string; labels: Set<string> }>();
  for (const line of text.split('\n')) {
    const [, name = '', type = ''] = /^# TYPE (anneal_\w+) (\w+)$/.exec(line) ?? [];
    if (name) found.set(name, { name, type, labels: new Set() });
    const [, sample = '', labels = ''] = /^(anneal_\w+)\{(.*)\} /.exec(line) ?? [];
    const metric = found.get(sample) ?? found.get(sample.replace(/_(bucket|sum|count)$/, ''));
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) metric?.labels.add(label);
  }
  for (const { labels } of found.values()) for (const label of ['service', 'le']) labels.delete(label);
  return found;
}

export type Audience = 'all' | 'stages' | 'trainer';

/** The table of docs/metrics.md. */
export function readMetricTable(markdown: string): (ExposedMetric & { readonly of: Audience })[] {
  return [...markdown.matchAll(/^\| `(anneal_\w+)` *\| (\w+) *\| (.*?) *\| (all|stages|trainer) *\|/gm)].map(
    ([, name = '', type = '', labels = '', of]) => ({
      name,
      type,
      labels: new Set([...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label)),
      of: of as Audience,
    }),
  );
}
