import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import type { InstalledHarness } from './installed-harness.js';

/** Where a service finds lm-eval. */
export const harnessConfigShape = {
  LM_EVAL_PACKAGES: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Folder with the packages of lm-eval, beside those of ENGINE_PYTHON, as install-lm-eval.mjs prints it. Without it no task of lm-eval can be read.',
    ),
  LM_EVAL_TASKS: z
    .string()
    .default('')
    .transform((list) => list.split(':').filter(Boolean))
    .refine((folders) => folders.every(isAbsolute), 'must be absolute folders, separated by ":"')
    .describe(
      'Folders with descriptions of own tasks, separated by ":". Functions in them are run: name trusted ones.',
    ),
  LM_EVAL_DATA: z
    .string()
    .min(1)
    .optional()
    .describe('Data of the tasks, in the form of HF_HOME; WORK_DIR/lm-eval when left out. It is all there is offline.'),
} as const;

type HarnessConfig = z.infer<z.ZodObject<typeof harnessConfigShape>>;

/** lm-eval as a service's configuration names it; nothing where it names none. */
export function configuredHarness(
  config: HarnessConfig & { readonly WORK_DIR: string },
  more: { python: string | undefined; hub: InstalledHarness['hub']; threads: number },
): InstalledHarness | undefined {
  const { LM_EVAL_PACKAGES: packages, LM_EVAL_TASKS: folders, LM_EVAL_DATA, WORK_DIR } = config;
  const { python, hub, threads } = more;
  if (packages === undefined || python === undefined) return undefined;
  return { engine: { python }, packages, folders, data: LM_EVAL_DATA ?? join(WORK_DIR, 'lm-eval'), hub, threads };
}
