export { checkTrainingFile, type CheckedFile, type RowProblem } from './check.file.js';
export {
  conversationDigest,
  readConversation,
  toConversation,
  type Conversation,
  type Message,
  type RowRefusal,
} from './conversation.js';
export { findFormat, type DataFormat } from './format.js';
export { jsonlRow, readJsonlRows, tooLong } from './jsonl.rows.js';
export type { Rows, SourceRow } from './row.js';
export { linesIn, longestLine, readLineBatches, readLineBlocks, readTextLines, type TextLine } from './text-lines.js';
