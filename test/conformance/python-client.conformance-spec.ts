import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { installPythonClient } from './python/install.mjs';

/** About as long as all the other files together, since it makes the same calls. */
const limitMs = 400_000;

it('the official Python client is satisfied, too', { timeout: limitMs }, async () => {
  const { http, apiKey } = inject('endpoints');
  const { python } = await installPythonClient();
  const { code, output } = await new Promise<{ code: unknown; output: string }>((done) => {
    const options = {
      cwd: join(import.meta.dirname, 'python'),
      env: { OPENAI_BASE_URL: `${http}/v1`, OPENAI_API_KEY: apiKey, PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' },
      timeout: limitMs,
    };
    execFile(python, ['-m', 'unittest', 'discover', '-v'], options, (error, stdout, stderr) =>
      done({ code: error ? (error.code ?? error.signal) : 0, output: stdout + stderr }),
    );
  });
  expect(code, output).toBe(0);
});
