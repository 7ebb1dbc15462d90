import { serviceNames } from '@anneal/contracts';
import { Command } from 'commander';
import { z } from 'zod';

const passwordVariable = (service: string): string => `POSTGRES_PASSWORD_${service.toUpperCase()}`;

/** What the migration step reads from its environment. */
export const migrateConfig = z.object({
  NATS_ADMIN_URL: z.string().regex(/^(nats|tls):\/\//, 'must start with nats:// or tls://'),
  POSTGRES_ADMIN_URL: z.string().regex(/^postgres(ql)?:\/\//, 'must start with postgres:// or postgresql://'),
  ...Object.fromEntries(serviceNames.map((service) => [passwordVariable(service), z.string().min(8)])),
});

export function migrateCommand(): Command {
  return new Command('migrate')
    .description('prepare broker and database for the six services; run once before they start, and again at will')
    .addHelpText(
      'after',
      `\nEnvironment: NATS_ADMIN_URL, POSTGRES_ADMIN_URL, and a password per service:\n  ${serviceNames.map(passwordVariable).join('\n  ')}`,
    )
    .action(async () => {
      const [{ parseConfig }, { migrate }] = await Promise.all([
        import('@anneal/service'),
        import('../embedded/migrate.js'),
      ]);
      const config = parseConfig(migrateConfig, process.env);
      const passwords = z.record(z.string(), z.string()).parse(config);
      await migrate(
        { nats: config.NATS_ADMIN_URL, postgres: config.POSTGRES_ADMIN_URL },
        (service) => passwords[passwordVariable(service)] ?? '',
      );
      console.log('Roles, schemas, streams and consumers are in place.');
    });
}
