import { buildProgram } from './program.js';
import { reportError } from './terminal/errors.js';
import { outlastOutputs } from './terminal/outlasting.js';

outlastOutputs();
try {
  await buildProgram().parseAsync(process.argv);
} catch (error) {
  process.exitCode = reportError(error, process.argv.includes('--json'));
}
