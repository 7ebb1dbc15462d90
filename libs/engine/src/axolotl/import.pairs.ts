import type { RunSpecInput } from '@anneal/contracts';

type Columns = NonNullable<RunSpecInput['dataset']['columns']>;

/**
 * Axolotl's forms of preference pairs, by the second part of their names: the first one is a chat template. The columns of
 * most are found by looking.
 */
const pairForms: Readonly<Record<string, Columns>> = {
  default: {},
  argilla: {},
  argilla_chat: {},
  prompt_pairs: {},
  ultra: {},
  intel: { prompt: 'question', system: 'system' },
  icr: { prompt: 'input', system: 'system' },
};

/** What an entry of `datasets` says about its columns. */
interface PairFields {
  readonly field_messages?: string | null | undefined;
  readonly field_chosen?: string | null | undefined;
  readonly field_rejected?: string | null | undefined;
}

/**
 * What a set of preference pairs becomes.
 *
 * @returns the columns that have to be named, and what is different here, if anything
 */
export function importPairs(
  type: string | undefined,
  { field_messages: prompt, field_chosen: chosen, field_rejected: rejected }: PairFields,
): { columns: Columns | undefined; said: string | undefined } {
  const [template, name = ''] = type?.split('.') ?? [];
  const form = Object.hasOwn(pairForms, name) ? pairForms[name] : undefined;
  const columns: Columns = {
    ...form,
    ...(prompt && type === 'chat_template.default' ? { prompt } : {}),
    ...(chosen ? { chosen } : {}),
    ...(rejected ? { rejected } : {}),
  };
  return { columns: Object.keys(columns).length > 0 ? columns : undefined, said: differenceOf(type, template, form) };
}

function differenceOf(
  type: string | undefined,
  template: string | undefined,
  form: Columns | undefined,
): string | undefined {
  if (form === undefined) return `pairs of type ${type ?? '(its own)'} are read as prompt, chosen and rejected`;
  return template === 'chat_template' ? undefined : 'pairs are written in the chat template of the model';
}
