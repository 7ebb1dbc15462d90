import { APIError } from 'openai';

/** The error that a call ends with; a call that ends well is an error here. */
export async function refusalOf(call: Promise<unknown>): Promise<APIError> {
  const ended = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('value' in ended) throw new Error(`the call was answered: ${JSON.stringify(ended.value)}`);
  if (ended.error instanceof APIError) return ended.error;
  throw ended.error;
}
