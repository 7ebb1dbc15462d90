export { migrateConfig } from './commands/migrate.command.js';
export { absoluteReferences } from './run-spec/read-run-spec.js';
