import { buildProgram } from './program.js';
import { reportError } from './terminal/errors.js';

try {
  await buildProgram().parseAsync(process.argv);
} catch (error) {
  process.exitCode = reportError(error, process.argv.includes('--json'));
}
