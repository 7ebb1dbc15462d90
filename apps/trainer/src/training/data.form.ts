import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactStore } from '@anneal/artifacts';
import type { PreparedDataset, TrainingObjective } from '@anneal/contracts';
import { readPreparedRows } from '@anneal/datasets';
import type { AxolotlInput } from '@anneal/engine';
import type { TrainInput } from '../train.input.js';
import { writeLoadQaPairs, writeQuestionsAndAnswers } from '../axolotl/load-qa.rows.js';

/** In which form a prepared set is trained. */
export interface DataForm {
  readonly objective: TrainingObjective;
  readonly prompt: AxolotlInput['prompt'];
  /** Sets of earlier versions are lines of JSON. */
  readonly stored: 'parquet' | 'jsonl';
}

export async function dataFormOf({ spec, dataset }: TrainInput, store: ArtifactStore): Promise<DataForm> {
  const { files } = await store.readManifest(dataset.artifact);
  const stored = files.some(({ path }) => path === 'train.parquet') ? 'parquet' : 'jsonl';
  const { objective, prompt } = spec.training;
  return { objective, prompt: isPlainText(dataset) ? 'completion' : prompt, stored };
}

/** Whether Axolotl reads the rows as they lie in the set. A parquet file has questions and answers in columns of their own. */
export function isHandedOverAsStored({ objective, prompt, stored }: DataForm): boolean {
  if (stored === 'parquet') return objective !== 'dpo' || prompt !== 'load-qa';
  return prompt === 'chat';
}

/** In which form the rows are handed over: as they are stored, but for pairs of load-qa, for which Axolotl has no form. */
export function handedOverAs({ objective, prompt, stored }: DataForm): DataForm['stored'] {
  return objective === 'dpo' && prompt === 'load-qa' ? 'jsonl' : stored;
}

/** Plain text is cut into sequences, so that its rows are not what the steps are counted in. */
export function isPlainText({ report }: PreparedDataset): boolean {
  return report?.format === 'text';
}

/**
 * Puts the rows of a prepared set where Axolotl reads them.
 *
 * @param dataset folder of the set
 */
export async function placeRows(dataset: string, target: string, form: DataForm, signal: AbortSignal): Promise<void> {
  const source = join(dataset, `train.${form.stored}`);
  // A copy keeps the mode of the cached file, which nobody may write to.
  await rm(target, { force: true });
  if (isHandedOverAsStored(form)) await copyFile(source, target);
  else if (form.objective === 'dpo') await writeLoadQaPairs(readPreparedRows(dataset), target, signal);
  else await writeQuestionsAndAnswers(source, target, signal);
}
