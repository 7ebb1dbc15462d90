import type { Prompt } from '../benchmarks/benchmark.js';

/**
 * How an answer ended: by itself, at the limit of tokens, or not at all: because the prompt fills the model's context, or
 * because this one question could not be answered while others were.
 */
export type Finish = 'stop' | 'length' | 'too_long' | 'failed';

/** A prompt with a name that is unique within its request. */
export interface NamedPrompt {
  readonly id: string;
  readonly prompt: Prompt;
}

export interface InferenceRequest {
  /** Folder of the model, in the form of Transformers. */
  readonly model: string;
  /** Never empty. */
  readonly prompts: readonly NamedPrompt[];
  /** Tokens an answer may have. */
  readonly answerTokens: number;
  /** Texts that end an answer and are no part of it. */
  readonly stop: readonly string[];
  /** A folder for what has to outlive this process; a request that is made again, even for fewer prompts, gets it again. */
  readonly directory: string;
  /** Index of the GPU that it was given, for a form that computes on one here. */
  readonly gpu?: number | undefined;
  /** For whom the work is done. */
  readonly job: {
    readonly id: string;
    readonly attempt: number;
    readonly token: string;
    readonly runId?: string;
    /** Which retry of the run it is. */
    readonly turn?: number;
  };
  /** Hears what the asking waits for, where that may take its time. */
  readonly onWaiting?: (why: string) => void;
  readonly signal: AbortSignal;
}

/** What a model answered to a prompt. */
export interface Reply {
  readonly id: string;
  readonly text: string;
  readonly finish: Finish;
  /** Of the answer. */
  readonly tokens: number;
  readonly seconds: number;
  /** Why it failed. */
  readonly problem?: string;
}

/** Name under which Nest hands out the form that is configured. */
export const INFERENCE = Symbol('inference');

/** Asks models: by a batch generation on this machine or in a pod, or by a server that speaks OpenAI's completions. */
export interface Inference {
  /** What it computes on here; absent for what computes elsewhere. */
  readonly uses?: 'cpu' | 'gpu';

  /** What decides how answers come about, for the report. */
  readonly settings: Readonly<Record<string, unknown>>;

  /** Versions of what computes the answers: the same question may have another answer with others. */
  versions(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;

  /**
   * Asks every prompt once, greedily. Replies come one after another, in any order, and each is waited for: what
   * `onReply` has stored when this process ends is not asked again. A question that fails for a reason of its own comes
   * as a reply, too; when nothing can be answered, the asking fails.
   */
  ask(request: InferenceRequest, onReply: (reply: Reply) => Promise<void>): Promise<void>;
}
