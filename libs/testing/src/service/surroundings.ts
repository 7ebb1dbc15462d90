import { connectStore, type ArtifactStore } from '@anneal/artifacts';
import { progress, type Progress } from '@anneal/contracts';
import { connectNats, followEvents, type DecodedEvent, type NatsConnection } from '@anneal/messaging';
import { startTestServers, type TestServers } from '../servers.js';

export type HeardEvent = Extract<DecodedEvent, { ok: true }>;

/** What is around a service under test: real servers, which a user with all rights is connected to, and what is said. */
export interface Surroundings {
  readonly servers: TestServers;
  readonly broker: NatsConnection;
  readonly store: ArtifactStore;
  /** Every event so far, in order. */
  readonly heard: readonly HeardEvent[];
  readonly progress: readonly Progress[];
  stop(): Promise<void>;
}

/** Starts the servers, and listens. */
export async function startSurroundings(): Promise<Surroundings> {
  const servers = await startTestServers();
  const store = connectStore(servers.servers.s3);
  await store.ensureReady();
  const broker = await connectNats({ url: servers.servers.nats.url, name: 'test' });
  const heard: HeardEvent[] = [];
  await followEvents(broker, {}, (decoded) => {
    if (decoded.ok) heard.push(decoded);
  });
  const told: Progress[] = [];
  broker.subscribe('anneal.progress.>', {
    callback: (_error, message) => void told.push(progress.parse(message.json())),
  });
  const stop = async (): Promise<void> => {
    await broker.close();
    await servers.stop();
  };
  return { servers, broker, store, heard, progress: told, stop };
}
