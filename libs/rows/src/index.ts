export { checkTrainingFile, type CheckedFile, type RowProblem } from './check.file.js';
export { conversationDigest, findColumns, toConversation, type Conversation } from './conversation.js';
export { readJsonlRows } from './jsonl.rows.js';
export type { Rows, SourceRow } from './row.js';
export { longestLine, readTextLines, type TextLine } from './text-lines.js';
