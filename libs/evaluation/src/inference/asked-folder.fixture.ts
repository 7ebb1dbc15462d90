import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adoptProcess } from '@anneal/compute';
import type { InferenceRequest } from './inference.js';

export const prompts = Array.from({ length: 8 }, (_, index) => ({
  id: `p${index}`,
  prompt: { prompt: `say ${index}` },
}));

/** A folder with a model, and in it the one in which a process works that answers. */
export class AskedFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'anneal-asked-'));

  constructor() {
    writeFileSync(join(this.path, 'config.json'), '{}');
  }

  request(more: Partial<InferenceRequest> = {}): InferenceRequest {
    return {
      ...{ model: this.path, prompts, answerTokens: 8, stop: [], directory: join(this.path, 'work') },
      job: { id: 'job', attempt: 1, token: '1' },
      signal: new AbortController().signal,
      ...more,
    };
  }

  /** Whether the process has ended, or none was started. */
  async isOver(): Promise<boolean> {
    const found = await adoptProcess(join(this.path, 'work'));
    return found === undefined || 'ended' in found;
  }

  async remove(): Promise<void> {
    const left = await adoptProcess(join(this.path, 'work'));
    if (left && !('ended' in left)) await left.kill(0);
    rmSync(this.path, { recursive: true, force: true });
  }
}
