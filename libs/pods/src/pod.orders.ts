import type { ArtifactStore, UploadLoan } from '@anneal/artifacts';
import type { Logger } from '@anneal/service';
import { linksOf, type InputLink, type PodInput } from './pod.inputs.js';

/** Links are short-lived and renewed as long as somebody attends to the pod. */
export const linkSeconds = 3_600;
const renewMs = 20 * 60 * 1000;
/** The most that S3 signs for: a pod may wait for a node for days before it reads its orders. */
export const firstLinkSeconds = 7 * 24 * 3_600;

/** What a service tells a pod, in one object of the store that is written over again and again. */
export class PodOrders {
  private count = Date.now();
  private stop: 'checkpoint' | 'now' | null = null;
  private links: { readonly made: number; readonly inputs: InputLink[] } | undefined;
  private readonly loans = new Map<string, Record<string, UploadLoan>>();
  private readonly stored: string[] = [];
  private readonly again: string[] = [];
  private writing: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param name of the note; each start has its own
   * @param inputs undefined once the pod has them
   */
  constructor(
    private readonly store: ArtifactStore,
    private readonly log: Logger,
    readonly name: string,
    private inputs: readonly PodInput[] | undefined,
    private attendedSeconds: number,
  ) {}

  /** Writes them now and then, which tells the pod that somebody attends to it. */
  attend(): void {
    if (this.timer !== undefined) return;
    this.timer = setInterval(() => this.writeSoon(), Math.min(20_000, (this.attendedSeconds * 1000) / 6)).unref();
    this.writeSoon();
  }

  leave(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  fetched(): void {
    this.inputs = undefined;
    this.links = undefined;
  }

  askFor(stop: 'checkpoint' | 'now'): Promise<void> {
    if (this.stop !== 'now') this.stop = stop;
    return this.write();
  }

  allow(seconds: number): Promise<void> {
    this.attendedSeconds = seconds;
    return this.write();
  }

  lend(offer: string, loans: Record<string, UploadLoan>): Promise<void> {
    this.loans.set(offer, loans);
    return this.write();
  }

  tellStored(offer: string): Promise<void> {
    this.loans.delete(offer);
    this.stored.push(offer);
    return this.write();
  }

  askAgain(offer: string): Promise<void> {
    this.loans.delete(offer);
    this.again.push(offer);
    return this.write();
  }

  /** One writing after the other, each with the newest word. @throws Failure of the store */
  write(): Promise<void> {
    this.writing = this.writing.catch(() => undefined).then(() => this.writeOnce());
    return this.writing;
  }

  async remove(): Promise<void> {
    this.leave();
    await this.store.removeNote(this.name);
  }

  private writeSoon(): void {
    this.write().catch((error: unknown) =>
      this.log.warn({ err: error, note: this.name }, 'the orders of a pod could not be written yet'),
    );
  }

  private async writeOnce(): Promise<void> {
    if (this.inputs !== undefined && (this.links === undefined || Date.now() - this.links.made > renewMs)) {
      this.links = { made: Date.now(), inputs: await linksOf(this.store, this.inputs, linkSeconds) };
    }
    this.count += 1;
    await this.store.writeNote(this.name, {
      count: this.count,
      attendedSeconds: this.attendedSeconds,
      stop: this.stop,
      ordersUrl: await this.store.linkToNote(this.name, firstLinkSeconds),
      inputs: this.links?.inputs ?? null,
      loans: Object.fromEntries(this.loans),
      stored: this.stored,
      again: this.again,
    });
  }
}
