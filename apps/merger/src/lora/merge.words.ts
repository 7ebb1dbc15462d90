import { LastLines, type PodListener } from '@anneal/pods';
import { z } from 'zod';

/** What `anneal_engine.merge_steps` tells. */
const stepName = z.enum(['merge', 'compare']);
const stepEvent = z.discriminatedUnion('event', [
  z.object({ event: z.literal('step'), step: stepName }),
  z.object({ event: z.literal('said'), step: stepName, text: z.string() }),
]);
type StepName = z.infer<typeof stepName>;

/** What a merge in a pod says: its steps, what they wrote, and its last lines. */
export class MergeWords implements PodListener {
  private texts: Partial<Record<StepName, string>> = {};
  private readonly lines = new LastLines(200);
  private latest: StepName = 'merge';

  constructor(private readonly tell: (phase: string) => void) {}

  begin(): Promise<void> {
    this.texts = {};
    this.lines.clear();
    this.latest = 'merge';
    return Promise.resolve();
  }

  event(event: unknown): void {
    const { data } = stepEvent.safeParse(event);
    if (data === undefined) return;
    if (data.event === 'said') this.texts[data.step] = data.text;
    else {
      this.latest = data.step;
      this.tell(data.step === 'merge' ? 'merging' : 'comparing with the adapter');
    }
  }

  line(text: string): void {
    this.lines.add(text);
  }

  /** The step that began last. */
  get step(): string {
    return this.latest;
  }

  /** The last lines of everything that it wrote. */
  get output(): string {
    return this.lines.text;
  }

  /** What a step that ended well wrote to its standard output. */
  said(step: StepName): string {
    return this.texts[step] ?? '';
  }
}
