import { createRequire } from 'node:module';
import { z } from 'zod';

const manifest: unknown = createRequire(import.meta.url)('../package.json');

/** What runs: the version of this source, and what the operator calls the build. */
export const build = {
  version: z.object({ version: z.string() }).parse(manifest).version,
  ...(process.env['ANNEAL_BUILD'] ? { build: process.env['ANNEAL_BUILD'] } : {}),
} as const;
