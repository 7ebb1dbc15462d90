import { Failure } from '@anneal/contracts';
import { engineVersions } from '@anneal/engine';
import { GenerationEnded } from './generation-ended.js';
import type { Inference, InferenceRequest, NamedPrompt, Reply } from './inference.js';
import { ServerInference, type ServerOptions } from './server.inference.js';
import { ServerHangs, type VllmOptions } from './vllm.server.js';
import { onVllm } from './vllm.session.js';

type AskOptions = Pick<ServerOptions, 'concurrency' | 'firstPauseMs' | 'answerMs'>;

/** Starts in a row from which nothing came. */
const mostVainStarts = 3;

/** Asks a vLLM server that it starts on a GPU for the request, starts again when it dies or hangs, and ends with it. */
export class VllmInference implements Inference {
  readonly settings: Inference['settings'];
  readonly uses = 'gpu';

  constructor(private readonly options: VllmOptions & AskOptions) {
    this.settings = { form: 'vllm', temperature: 0, concurrency: options.concurrency };
  }

  versions(): Promise<Readonly<Record<string, string>>> {
    return engineVersions(this.options.engine);
  }

  async ask(request: InferenceRequest, onReply: (reply: Reply) => Promise<void>): Promise<void> {
    const waiting = new Map(request.prompts.map((prompt) => [prompt.id, prompt]));
    const pass = async (reply: Reply): Promise<void> => {
      waiting.delete(reply.id);
      await onReply(reply);
    };
    for (let vainStarts = 0; waiting.size > 0;) {
      const before = waiting.size;
      try {
        return await this.askOneServer(request, [...waiting.values()], pass);
      } catch (error) {
        if (!isOfTheServer(error)) throw error;
        vainStarts = waiting.size < before ? 0 : vainStarts + 1;
        if (vainStarts >= mostVainStarts) throw lastWord(error, waiting.size);
      }
    }
  }

  private async askOneServer(
    request: InferenceRequest,
    prompts: readonly NamedPrompt[],
    onReply: (reply: Reply) => Promise<void>,
  ): Promise<void> {
    await onVllm(request, this.options, async (url, signal) => {
      const asking = new ServerInference({ ...this.options, url });
      await asking.ask({ ...request, prompts, signal }, onReply);
    });
  }
}

function isOfTheServer(error: unknown): error is Error {
  if (error instanceof GenerationEnded || error instanceof ServerHangs) return true;
  return error instanceof Failure && error.code === 'INFERENCE_UNAVAILABLE' && error.retryable;
}

function lastWord(error: Error, unanswered: number): Error {
  if (error instanceof GenerationEnded) return new GenerationEnded(error.exit, error.log, unanswered);
  if (error instanceof Failure) return error;
  return new Failure('INFERENCE_UNAVAILABLE', `${error.message} It was started ${mostVainStarts} times.`, {
    remedy: 'It is tried again; look at the log of vLLM in the work folder of the evaluator if it stays.',
    cause: error,
  });
}
