export { checkTrainingFile, type CheckedFile, type RowProblem } from './check.file.js';
export { toConversation, type Conversation } from './conversation.js';
export { findFormat, type DataFormat } from './format.js';
export { jsonlRow, readJsonlRows, tooLong } from './jsonl.rows.js';
export { loadQaPrompt } from './load-qa.js';
export type { Message, RowRefusal } from './message.js';
export { promptDigest, type PreferencePair } from './preference.js';
export type { Rows, SourceRow } from './row.js';
export { linesIn, longestLine, readLineBatches, readLineBlocks, readTextLines, type TextLine } from './text-lines.js';
export {
  conversationsOf,
  isPair,
  readTrainingRow,
  rowDigest,
  storedRow,
  toTrainingRow,
  type TrainingRow,
} from './training.row.js';
