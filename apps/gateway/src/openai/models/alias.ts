import { modelReference } from '@anneal/contracts';
import type { z } from 'zod';

/** A base model under the name that callers use for it. */
export interface ModelAlias {
  readonly name: string;
  /** As in model.base of a RunSpec. */
  readonly reference: string;
  /** Branch, tag or commit of a Hub model. */
  readonly revision?: string;
}

const form = /^([A-Za-z0-9][\w./-]{0,127})=([^@]+)(?:@([\w./-]+))?$/;

/** Reads `NAME=REFERENCE[@REVISION]`, separated by commas. */
export function readAliases(text: string, context: z.core.$RefinementCtx<string>): readonly ModelAlias[] {
  const entries = text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);
  return entries.flatMap((entry) => {
    const [, name = '', reference = '', revision] = form.exec(entry) ?? [];
    if (name !== '' && modelReference.safeParse(reference).success) {
      return [{ name, reference, ...(revision === undefined ? {} : { revision }) }];
    }
    context.addIssue({ code: 'custom', message: `has "${entry}", which is not NAME=REFERENCE[@REVISION]` });
    return [];
  });
}
