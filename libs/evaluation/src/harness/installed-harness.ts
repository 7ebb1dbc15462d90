import type { EngineLocation } from '@anneal/engine';

/** lm-eval as it is installed here, and what it may read. */
export interface InstalledHarness {
  readonly engine: EngineLocation;
  /** Where its packages lie, beside those of the engine. */
  readonly packages: string;
  /** Folders with descriptions of own tasks; the code in them is run. */
  readonly folders: readonly string[];
  /** Folder with the data of its tasks, in the form of Hugging Face's cache. */
  readonly data: string;
  /** From where data that is not there may be fetched; without it, from nowhere. */
  readonly hub?: { readonly endpoint?: string | undefined; readonly token?: string | undefined } | undefined;
  /** Of the CPU. */
  readonly threads: number;
}

/** Exit statuses of the engine's script for lm-eval: whatever it names is at fault. */
export const exitStatus = { badInput: 3, noData: 4, server: 5, model: 6 } as const;
