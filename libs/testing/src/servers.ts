import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storePolicyOf } from '@anneal/artifacts';
import { serviceNames, type ServiceName } from '@anneal/contracts';
import { installServers, startServers, type EmbeddedServers } from '@anneal/embedded';
import { prepareRoles } from '@anneal/jobs';
import { connectNats, migrateTopology, permissionsOf } from '@anneal/messaging';

const storeBuckets = { own: 'anneal', data: ['data'] };

export interface TestServers {
  readonly servers: EmbeddedServers;
  /** A folder that is gone afterwards. */
  readonly folder: string;
  /** What a service reads from its environment to work with these servers. */
  environment(service: ServiceName): Record<string, string>;
  stop(): Promise<void>;
}

/**
 * Real NATS, PostgreSQL and S3 servers, migrated for the six services, in a folder of their own below `parent`.
 *
 * @param options.durable whether they wait for the disk as those of a user do, which most tests do not look at
 */
export async function startTestServers({ parent = tmpdir(), durable = false } = {}): Promise<TestServers> {
  const folder = mkdtempSync(join(parent, 'anneal-servers-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const binaries = await installServers();
  const servers = await startServers({
    dataDir: join(folder, 'data'),
    binaries,
    natsUsers: serviceNames.map((name) => ({ name, permissions: permissionsOf(name) })),
    s3Users: serviceNames.map((name) => ({ name, policy: storePolicyOf(name, storeBuckets) })),
    throwaway: !durable,
  }).catch((error: unknown) => {
    remove();
    throw error;
  });
  const stop = async (): Promise<void> => {
    await servers.stop();
    remove();
  };
  try {
    await prepareRoles(
      servers.postgres.url,
      serviceNames.map((name) => ({ name, password: servers.secret(`postgres-${name}`) })),
    );
    const admin = await connectNats({ url: servers.nats.url, name: 'test-migrate' });
    await migrateTopology(admin);
    await admin.close();
  } catch (error) {
    await stop();
    throw error;
  }
  return { servers, folder, environment: (service) => environmentOf(service, servers, folder), stop };
}

function environmentOf(service: ServiceName, servers: EmbeddedServers, folder: string): Record<string, string> {
  const { endpoint, accessKey, secretKey, region } = servers.s3.loginOf(service);
  return {
    NATS_URL: servers.nats.urlFor(service),
    POSTGRES_URL: servers.postgres.urlFor(service, servers.secret(`postgres-${service}`)),
    S3_ENDPOINT: endpoint,
    S3_ACCESS_KEY: accessKey,
    S3_SECRET_KEY: secretKey,
    S3_BUCKET: servers.s3.bucket,
    S3_REGION: region,
    WORK_DIR: join(folder, 'work'),
    FILE_ROOTS: '/',
    LOG_LEVEL: 'warn',
    LEASE_SECONDS: '3',
    ...(service === 'gateway' ? { API_KEY: servers.secret('api-key') } : {}),
  };
}
