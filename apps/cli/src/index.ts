export { migrateConfig } from './commands/migrate.command.js';
export { absoluteReferences } from './commands/train.command.js';
