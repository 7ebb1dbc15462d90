export { checkTrainingFile, type CheckedFile, type RowProblem } from './check.file.js';
export {
  conversationDigest,
  readConversation,
  toConversation,
  usesTools,
  type Conversation,
  type RowRefusal,
} from './conversation.js';
export { findFormat, type DataFormat } from './format.js';
export { jsonlRow, jsonObject, readJsonlRows, tooLong } from './jsonl.rows.js';
export type { Message } from './message.js';
export type { Rows, SourceRow } from './row.js';
export type { Tool, ToolCall } from './tools.js';
export { linesIn, longestLine, readLineBatches, readLineBlocks, readTextLines, type TextLine } from './text-lines.js';
export { UnreadableRow } from './unreadable.row.js';
