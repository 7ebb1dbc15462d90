import { readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactRef } from '@anneal/contracts';
import type { AxolotlPaths } from '@anneal/engine';
import { handedOverAs, type DataForm } from './data.form.js';

/** Where one training keeps its files. The paths in the configuration are relative to the folder itself. */
export class RunFolder {
  readonly path: string;

  constructor(workDir: string, runId: string) {
    this.path = join(workDir, 'trainer', runId);
  }

  /** Configuration of the latest start. */
  get config(): string {
    return join(this.path, 'config.yaml');
  }
  /** What the plugin says, over all starts. */
  get events(): string {
    return join(this.path, 'events.jsonl');
  }
  /** The training writes a checkpoint and ends as soon as this file is there. */
  get stop(): string {
    return join(this.path, 'stop');
  }
  /** Records and logs of the process. */
  get process(): string {
    return join(this.path, 'process');
  }
  /** Which retry of the run the files belong to. */
  get turn(): string {
    return join(this.path, 'turn');
  }
  /** Home of the Hugging Face libraries, so that nothing of the host's own changes the training. */
  get home(): string {
    return join(this.path, 'home');
  }

  /** Keeps the records and logs of a process that has ended, where nobody takes them for those of the next one. */
  async putProcessAside(): Promise<void> {
    await rename(this.process, `${this.process}-until-${Date.now()}`).catch(() => undefined);
  }

  /** @returns whether nobody told the end of the latest process before */
  async tellsEnd(): Promise<boolean> {
    return writeFile(join(this.process, 'told'), '', { flag: 'wx' }).then(
      () => true,
      // A process that was put aside was attended to just now.
      (error: NodeJS.ErrnoException) => error.code !== 'EEXIST',
    );
  }

  /** Folders of all processes that trained here, in the order in which they started. */
  async processes(): Promise<string[]> {
    const names = await readdir(this.path);
    const ended = names.filter((name) => /^process-until-\d+$/.test(name)).toSorted();
    return [...ended, ...(names.includes('process') ? ['process'] : [])].map((name) => join(this.path, name));
  }

  of(name: string): string {
    return join(this.path, name);
  }
}

/** The paths in the configuration; `model` is a link to the base model. */
export function pathsFor(form: DataForm, dataset: ArtifactRef): AxolotlPaths {
  const rows = { chat: 'messages', 'load-qa': 'questions', completion: 'text' }[form.prompt];
  return {
    model: 'model',
    data: `data/${rows}-${dataset.digest.slice(0, 16)}.${handedOverAs(form)}`,
    prepared: 'prepared',
    output: 'output',
  };
}
