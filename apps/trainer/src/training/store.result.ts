import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactStore, type SourceFile } from '@anneal/artifacts';
import type { ArtifactRef, TrainingPlan } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { isResult, nameBaseModel } from './output.files.js';
import type { RunFolder } from './run.folder.js';
import { tensorboardFile } from './tensorboard.file.js';

/** Stores what a completed training left: the adapter, or the weights of a full fine-tune, with the tokenizer. */
@Injectable()
export class StoreResult {
  constructor(private readonly store: ArtifactStore) {}

  async put(plan: TrainingPlan, baseReference: string, folder: RunFolder, signal: AbortSignal): Promise<ArtifactRef> {
    const output = folder.of('output');
    if (plan.method !== 'full') await nameBaseModel(output, baseReference);
    const kind = plan.method === 'full' ? 'weights' : 'adapter';
    const artifact = await this.store.putDirectory(kind, output, {
      include: (path) => isResult(plan.method, path),
      signal,
    });
    await removeCheckpoints(output);
    return artifact;
  }

  /** Stores what was written while it trained: events, also as TensorBoard reads them, configuration, and the output of each start. */
  async putLog(folder: RunFolder, signal: AbortSignal): Promise<ArtifactRef> {
    const files: SourceFile[] = [
      { path: 'events.jsonl', source: folder.events },
      { path: 'axolotl.yaml', source: folder.config },
    ];
    const board = await tensorboardFile(folder.events);
    if (board) files.push({ path: `tensorboard/${board.name}`, source: board.bytes });
    for (const [index, directory] of (await folder.processes()).entries()) {
      for (const name of ['stdout.log', 'stderr.log']) {
        const source = join(directory, name);
        if (existsSync(source)) files.push({ path: `start-${index + 1}/${name}`, source });
      }
    }
    return this.store.putFiles('log', files, { signal });
  }
}

/** Only the checkpoints go: should the last transaction fail, the next attempt stores the same result again. */
async function removeCheckpoints(output: string): Promise<void> {
  for (const name of await readdir(output)) {
    if (/^checkpoint-\d+$/.test(name)) await rm(`${output}/${name}`, { recursive: true, force: true });
  }
}
