import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SetupError } from './setup-error.mjs';

/**
 * Runs an installer when its file is the one that Node was started with: its result as JSON on standard output, messages
 * and what went wrong on standard error.
 * @param {string} url of the file
 * @param {(options: {log: (line: string) => void}) => Promise<unknown>} install
 */
export async function runAsScript(url, install) {
  const started = process.argv[1];
  if (!started || !existsSync(started) || realpathSync(started) !== fileURLToPath(url)) return;
  try {
    console.log(JSON.stringify(await install({ log: (line) => console.error(line) })));
  } catch (error) {
    reportSetupError(error);
  }
}

/**
 * Says on standard error what went wrong and what to do, and lets the process end with status 1.
 * @param {unknown} error
 */
export function reportSetupError(error) {
  console.error(error instanceof SetupError ? `${error.message} ${error.remedy}` : error);
  process.exitCode = 1;
}
