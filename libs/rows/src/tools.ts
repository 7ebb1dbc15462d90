import { z } from 'zod';

type JsonObject = Readonly<Record<string, unknown>>;

/** A call of a function, as an assistant's message holds it. Its arguments are an object, as chat templates expect. */
export interface ToolCall {
  readonly id?: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: JsonObject };
}

/** A function that the model may call, in OpenAI's form. */
export interface Tool {
  readonly type: 'function';
  readonly function: JsonObject;
}

const jsonObject = z.record(z.string(), z.unknown());

/** An object, or the text of one: OpenAI writes the arguments of a call as text. */
const objectOrText = (what: string) =>
  z.unknown().transform((value, context): JsonObject => {
    const parsed = jsonObject.safeParse(typeof value === 'string' ? parsedJson(value) : value);
    if (parsed.success && !holdsInexact(parsed.data)) return parsed.data;
    const wrong = parsed.success ? 'hold a whole number that is too large to be kept as it is' : 'are no JSON object';
    context.addIssue({ code: 'custom', message: `${what} ${wrong}` });
    return z.NEVER;
  });

/** Whole numbers above 2^53 come out as others, and the model would learn those. */
function holdsInexact(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsInexact);
}

const calledFunction = z.object({ name: z.string().min(1), arguments: objectOrText('the arguments of a call') });

/** `function_call` of OpenAI's older rows is the one call of a message. */
export const functionCall = calledFunction.transform((called): ToolCall => ({ type: 'function', function: called }));

export const toolCall = z
  .object({
    id: z.string().nullish(),
    type: z.literal('function', { error: 'only functions can be called' }).nullish(),
    function: calledFunction,
  })
  .transform(({ id, function: called }): ToolCall => {
    const call = { type: 'function', function: called } as const;
    return typeof id === 'string' ? { id, ...call } : call;
  });

const declared = z.looseObject({ name: z.string().min(1), parameters: z.unknown().optional() });

/** A tool as OpenAI declares it, or its function alone, as OpenAI's older rows have it in `functions`. */
const tool = z
  .union([
    z.object({ type: z.literal('function').nullish(), function: declared }).transform((known) => known.function),
    declared,
  ])
  .transform((declaration, context): Tool => {
    const { parameters } = declaration;
    const read = objectOrText('the parameters of a tool').safeParse(parameters ?? {});
    if (!read.success) {
      context.addIssue({ code: 'custom', message: read.error.issues[0]?.message ?? 'unreadable' });
      return z.NEVER;
    }
    const { parameters: _written, ...rest } = declaration;
    return {
      type: 'function',
      function: parameters === undefined || parameters === null ? rest : { ...rest, parameters: read.data },
    };
  });

const toolList = z.array(tool);

/** What the column of tools holds: nothing, a list, or the text of a list, since tables have no type for its parameters. */
export const tools = z.unknown().transform((value, context): readonly Tool[] => {
  if (value === undefined || value === null || value === '') return [];
  const parsed = toolList.safeParse(typeof value === 'string' ? parsedJson(value) : value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  context.addIssue({ code: 'custom', message: issue?.message ?? 'unreadable', path: issue?.path ?? [] });
  return z.NEVER;
});

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
