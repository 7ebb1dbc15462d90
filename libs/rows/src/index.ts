export { checkTrainingFile, type CheckedFile, type RowProblem } from './check.file.js';
export { conversationDigest, findColumns, toConversation, type Conversation } from './conversation.js';
export { jsonlRow, readJsonlRows, tooLong } from './jsonl.rows.js';
export type { Rows, SourceRow } from './row.js';
export { linesIn, longestLine, readLineBatches, readLineBlocks, readTextLines, type TextLine } from './text-lines.js';
