import { serviceNames, type ServiceName } from '@anneal/contracts';
import { prepareRoles } from '@anneal/jobs';
import { connectNats, migrateTopology } from '@anneal/messaging';

/** The one migration step of a system: roles and schemas, streams and consumers. Each service migrates its own tables. */
export async function migrate(
  admin: { nats: string; postgres: string },
  password: (service: ServiceName) => string,
): Promise<void> {
  await prepareRoles(
    admin.postgres,
    serviceNames.map((name) => ({ name, password: password(name) })),
  );
  const connection = await connectNats({ url: admin.nats, name: 'anneal-migrate' });
  try {
    await migrateTopology(connection);
  } finally {
    await connection.close();
  }
}
