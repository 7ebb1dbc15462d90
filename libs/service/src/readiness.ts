import type { ArtifactStore } from '@anneal/artifacts';
import type { HealthPart, Readiness } from '@anneal/contracts';
import type { JetStreamStrategy, NatsConnection } from '@anneal/messaging';
import type { DataSource } from 'typeorm';

/** Asks each thing that a service cannot work without. */
export type AskReadiness = () => Promise<Readiness>;

/** Set when the service begins to stop: nothing new is to come to it. */
export interface Drain {
  begun: boolean;
}

export interface Needed {
  readonly dataSource: DataSource;
  readonly connection: NatsConnection;
  readonly strategy: JetStreamStrategy;
  /** Of the services that move bytes. */
  readonly store: ArtifactStore | undefined;
  readonly drain: Drain;
}

// A probe that hangs is as bad as one that says no: orchestrators wait one to two seconds.
const probeMs = 1000;

export function readinessOf({ dataSource, connection, strategy, store, drain }: Needed): AskReadiness {
  return async () => {
    const [database, broker, objects] = await Promise.all([
      answers('The database', () => dataSource.query('SELECT 1')),
      answers('The broker', () => connection.rtt()),
      store && answers('The object store', () => store.probe()),
    ]);
    const consumer: HealthPart = strategy.isConnected()
      ? { state: 'up' }
      : { state: 'down', reason: 'No events are being read from the broker.' };
    const parts = { database, broker, consumer, ...(objects ? { store: objects } : {}) };
    const up = Object.values(parts).every(({ state }) => state === 'up');
    return { status: drain.begun ? 'draining' : up ? 'up' : 'down', parts };
  };
}

async function answers(what: string, ask: () => Promise<unknown>): Promise<HealthPart> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<HealthPart>((resolve) => {
    timer = setTimeout(() => resolve({ state: 'down', reason: `${what} does not answer within a second.` }), probeMs);
  });
  const answered = ask().then(
    (): HealthPart => ({ state: 'up' }),
    (error: unknown): HealthPart => ({ state: 'down', reason: `${what} refuses: ${kindOf(error)}.` }),
  );
  try {
    return await Promise.race([answered, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A code at most: messages of drivers name addresses and users, and a probe is answered to everybody. */
function kindOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'it failed';
}
