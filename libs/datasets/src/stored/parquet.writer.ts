import { DuckDBInstance } from '@duckdb/node-api';

/** What the rows of a set have, which decides the columns. */
export interface SetShape {
  readonly rows: 'messages' | 'text' | 'pairs';
  /** Some rows have tools or call them. */
  readonly withTools: boolean;
  /** Some answers are kept but not learnt. */
  readonly untrainedTurns: boolean;
  /** Question and answer stand in columns of their own, too. */
  readonly asQuestions: boolean;
  /** Bytes of the longest line at most. */
  readonly longestLine: number;
}

/** The rows are one thread's work; more of them would decide how the rows are grouped. */
const engineLimits = { threads: '1', memory_limit: '512MB', preserve_insertion_order: 'true' };
/** Rows that are compressed together. Another number is another file. */
const rowsOfGroup = 16_384;

/**
 * Writes lines of JSON as a parquet file. The same lines give the same bytes: neither a time nor a place is written, only
 * the version of the engine, which is pinned.
 *
 * Axolotl reads such a file as it is: `messages` as a list of messages, or as the JSON text of one where calls are in it,
 * since each function has arguments of its own, for which a table has no type.
 */
export async function writeParquet(from: string, to: string, shape: SetShape): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', engineLimits);
  const connection = await instance.connect();
  try {
    const { read, written } = columnsOf(shape);
    // Its own default of 16 MiB would take as much for each buffer, and a line may be longer once it is escaped.
    const objectBytes = Math.max(64 * 1024, shape.longestLine + 1024);
    const options = `format = 'newline_delimited', columns = {${read}}, maximum_object_size = ${objectBytes}`;
    const form = `FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${rowsOfGroup}`;
    await connection.run(
      `COPY (SELECT ${written} FROM read_json(${quoted(from)}, ${options})) TO ${quoted(to)} (${form})`,
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function columnsOf({ rows, withTools, untrainedTurns, asQuestions }: SetShape): { read: string; written: string } {
  if (rows === 'text') return { read: "text: 'VARCHAR'", written: 'text' };
  if (rows === 'pairs') {
    const asked = "messages: 'STRUCT(role VARCHAR, content VARCHAR)[]'";
    return { read: `${asked}, chosen: 'VARCHAR', rejected: 'VARCHAR'`, written: 'messages, chosen, rejected' };
  }
  if (withTools)
    return {
      read: "messages: 'JSON', tools: 'JSON'",
      written: 'messages::VARCHAR AS messages, tools::VARCHAR AS tools',
    };
  const fields = `role VARCHAR, content VARCHAR${untrainedTurns ? ', train BOOLEAN' : ''}`;
  // As soon as one message says whether it is trained, each one does.
  const train = "train := m.role = 'assistant' AND coalesce(m.train, true)";
  const told = `list_transform(messages, lambda m: struct_pack(role := m.role, content := m.content, ${train})) AS messages`;
  const messages = untrainedTurns ? told : 'messages';
  return {
    read: `messages: 'STRUCT(${fields})[]'`,
    written: asQuestions ? `${messages}, ${question} AS question, messages[-1].content AS answer` : messages,
  };
}

/** A system prompt goes before the question, since `load_qa` has no place for one. */
const question =
  "CASE messages[1].role WHEN 'system' THEN messages[1].content || chr(10) || chr(10) || messages[2].content ELSE messages[1].content END";

function quoted(path: string): string {
  return `'${path.replaceAll("'", "''")}'`;
}
