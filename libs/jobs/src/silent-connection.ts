import type pg from 'pg';

type Ask = (...question: unknown[]) => unknown;

/**
 * node-postgres fails a question that is not answered within `query_timeout`, and keeps its connection: whatever is asked
 * next would wait behind the lost question. Ends the connection instead, so that a pool opens another one.
 */
export function endWhenSilent(client: pg.ClientBase & { end(): Promise<void> }): void {
  const ask = client.query.bind(client) as Ask;
  const asking: Ask = (...question) => {
    const answer = ask(...question);
    if (answer instanceof Promise) {
      answer.catch((error: unknown) => {
        if (isSilence(error)) void client.end();
      });
    }
    return answer;
  };
  Object.assign(client, { query: asking });
}

function isSilence(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout';
}
