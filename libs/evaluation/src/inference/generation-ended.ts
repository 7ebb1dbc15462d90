import type { ExitRecord } from '@anneal/compute';

/** A batch generation that ended before every prompt was answered. */
export class GenerationEnded extends Error {
  override readonly name = 'GenerationEnded';

  constructor(
    readonly exit: ExitRecord,
    /** The last lines that it wrote. */
    readonly log: string,
    readonly unanswered: number,
  ) {
    super(`The generation ended with ${exit.signal ?? exit.code ?? 'nothing'} and ${unanswered} prompts unanswered.`);
  }
}
