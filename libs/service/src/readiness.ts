import type { JetStreamStrategy, NatsConnection } from '@anneal/messaging';
import type { DataSource } from 'typeorm';

type Part = 'up' | 'down';
/** Asks each thing that a service cannot work without. */
export type Readiness = () => Promise<{ database: Part; broker: Part; consumer: Part }>;

// A probe that hangs is as bad as one that says no: orchestrators wait one to two seconds.
const probeMs = 1000;

export function readinessOf(
  dataSource: DataSource,
  connection: NatsConnection,
  strategy: JetStreamStrategy,
): Readiness {
  return async () => {
    const [database, broker] = await Promise.all([answers(dataSource.query('SELECT 1')), answers(connection.rtt())]);
    return { database, broker, consumer: strategy.isConnected() ? 'up' : 'down' };
  };
}

async function answers(question: Promise<unknown>): Promise<Part> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Part>((resolve) => {
    timer = setTimeout(() => resolve('down'), probeMs);
  });
  const answered = question.then(
    (): Part => 'up',
    (): Part => 'down',
  );
  try {
    return await Promise.race([answered, late]);
  } finally {
    clearTimeout(timer);
  }
}
