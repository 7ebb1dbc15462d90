import { execFile } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { installSchemathesis } from './python/install.mjs';

/** Ids of things that are there, by the names that `schemathesis.toml` has for them. */
export type Dictionaries = Readonly<Record<string, readonly string[]>>;

/** Longer than it takes on two busy cores. */
const limitMs = 300_000;

/**
 * Tries the routes of an API against the document that it serves.
 *
 * @param choice which routes, as options of the command line
 * @returns nothing when all is well, else everything that was said
 */
export async function complaintsOf(
  { http, apiKey }: { http: string; apiKey: string },
  dictionaries: Dictionaries,
  ...choice: string[]
): Promise<string | undefined> {
  const { python } = await installSchemathesis();
  const folder = mkdtempSync(join(tmpdir(), 'anneal-schemathesis-'));
  try {
    const config = join(folder, 'schemathesis.toml');
    copyFileSync(join(import.meta.dirname, 'python', 'schemathesis.toml'), config);
    // A text in JSON is one in TOML, too.
    for (const [name, values] of Object.entries(dictionaries))
      appendFileSync(config, `\n[dictionaries.${name}]\nvalues = ${JSON.stringify(values)}\n`);
    const command = join(dirname(python), 'schemathesis');
    const header = `Authorization: Bearer ${apiKey}`;
    const args = ['--config-file', config, 'run', `${http}/api/openapi.json`, '--header', header, ...choice];
    const env = { PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' };
    const options = { cwd: folder, env, timeout: limitMs, maxBuffer: 64 * 1024 * 1024 };
    return await new Promise((done) => {
      execFile(command, args, options, (error, stdout, stderr) => done(error ? stdout + stderr : undefined));
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
