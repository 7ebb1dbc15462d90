export { checkTrainingFile, type CheckedFile, type RowProblem } from './check.file.js';
export { toConversation, usesTools, type Conversation } from './conversation.js';
export { findFormat, namedColumns, objectiveOf, type DataFormat } from './format.js';
export { jsonlRow, jsonObject, readJsonlRows, tooLong } from './jsonl.rows.js';
export { loadQaPrompt } from './load-qa.js';
export type { Message, RowRefusal } from './message.js';
export { promptDigest, type PreferencePair } from './preference.js';
export type { Rows, SourceRow } from './row.js';
export type { Tool, ToolCall } from './tools.js';
export {
  linesIn,
  longestLine,
  readLineBatches,
  readLineBlocks,
  readTextLines,
  type LineBlock,
  type TextLine,
} from './text-lines.js';
export {
  conversationsOf,
  isPair,
  readTrainingRow,
  rowDigest,
  toTrainingRow,
  type TrainingRow,
} from './training.row.js';
export { UnreadableRow } from './unreadable.row.js';
