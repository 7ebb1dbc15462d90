import { Gauge, type Registry } from 'prom-client';

export interface Reading {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface GaugeForm {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
}

/** A number that is read when somebody asks. What is not read then is not shown: no number is better than an old one. */
export function gauge(
  registry: Registry,
  { name, help, labelNames = [] }: GaugeForm,
  read: () => readonly Reading[] | Promise<readonly Reading[]>,
): void {
  const made: Gauge = new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect: async () => {
      const readings = await read();
      made.reset();
      // A reset gauge without labels shows 0.
      if (labelNames.length === 0) made.remove();
      for (const { labels = {}, value } of readings) made.set(labels, value);
    },
  });
}

/** The reading of a number that may be unknown. */
export function known(value: number | undefined): Reading[] {
  return value === undefined ? [] : [{ value }];
}
