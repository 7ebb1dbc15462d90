import { setTimeout as sleep } from 'node:timers/promises';
import type { ArtifactStore, UploadLoan } from '@anneal/artifacts';
import { Failure, type ManifestFile } from '@anneal/contracts';
import type { Logger } from '@anneal/service';
import { linkSeconds, type PodOrders } from './pod.orders.js';
import type { PodOffer, PodWord } from './pod.words.js';

/** What becomes of the files of an offer. */
export interface UploadSink {
  /** Whether there is a pod that could send them. */
  readonly lends: boolean;
  /** Whether a file of the output folder is part of the result. */
  wanted(path: string): boolean;
  /** Left out for work that writes none. */
  checkpoint?(step: number, files: ManifestFile[]): Promise<void>;
  result(files: ManifestFile[]): Promise<void>;
}

type SentWord = Extract<PodWord, { word: 'sent' }>;
type SentFile = SentWord['files'][string];

const retryMs = 2_000;

/** Brings what a pod offers into the store: lends it links, completes what it sent, and says so. */
export class PodUploads {
  private readonly offers = new Map<string, PodOffer>();
  /** What was said so far: of a log that is read again, most offers are past. */
  private readonly sent = new Set<string>();
  private newest: string | undefined;
  private work: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: ArtifactStore,
    private readonly orders: PodOrders,
    private readonly log: Logger,
    private readonly signal: AbortSignal,
  ) {}

  /** One after the other, as they were said. */
  hear(word: Extract<PodWord, { word: 'offer' | 'sent' }>, sink: UploadSink): void {
    if (word.word === 'sent') this.sent.add(word.id);
    else this.newest = word.id;
    this.work = this.work.then(() =>
      this.insist(() => (word.word === 'offer' ? this.lend(word, sink) : this.take(word, sink))),
    );
  }

  /** Resolves when nothing is under way. */
  settled(): Promise<void> {
    return this.work;
  }

  /** A store that is away is waited for; what cannot be helped is logged, and the pod offers it again when asked to, or gives up. */
  private async insist(step: () => Promise<void>): Promise<void> {
    while (!this.signal.aborted) {
      try {
        return await step();
      } catch (error) {
        const away = error instanceof Failure && error.code === 'STORE_UNAVAILABLE' && error.retryable;
        this.log.warn({ err: error, note: this.orders.name }, 'what a pod offers could not be stored');
        if (!away) return;
        await sleep(retryMs, undefined, { signal: this.signal }).catch(() => undefined);
      }
    }
  }

  private async lend(offer: PodOffer, sink: UploadSink): Promise<void> {
    this.offers.set(offer.id, offer);
    if (!sink.lends || this.sent.has(offer.id) || offer.id !== this.newest) return;
    const loans: Record<string, UploadLoan> = {};
    for (const file of wantedFiles(offer, sink)) {
      const loan = await this.store.lendUpload(file, linkSeconds);
      if (loan !== undefined) loans[file.path] = loan;
    }
    await this.orders.lend(offer.id, loans);
  }

  private async take(sent: SentWord, sink: UploadSink): Promise<void> {
    const offer = this.offers.get(sent.id);
    if (offer === undefined) return;
    const files = wantedFiles(offer, sink);
    try {
      for (const file of files) await this.bring(file, sent.files[file.path]);
      if (offer.what === 'checkpoint') await sink.checkpoint?.(offer.step, files);
      else await sink.result(files);
    } catch (error) {
      if (sent.id === this.newest && isGone(error)) await this.orders.askAgain(sent.id);
      throw error;
    }
    await this.orders.tellStored(sent.id);
  }

  /** What was there when it was offered was not sent, and may have gone since with an artifact that was removed. */
  private async bring(file: ManifestFile, parts: SentFile | undefined): Promise<void> {
    if (parts !== undefined) return this.store.finishUpload(file, parts.uploadId, parts.etags);
    if (await this.store.holds(file)) return;
    throw new Failure('ARTIFACT_MISSING', `${file.path} was in the store when a pod offered it, and is not any more.`, {
      remedy: 'Nothing: the pod offers it again.',
      file: file.path,
    });
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Failure && error.code === 'ARTIFACT_MISSING';
}

function wantedFiles(offer: PodOffer, sink: UploadSink): ManifestFile[] {
  return Object.entries(offer.files)
    .filter(([path]) => offer.what === 'checkpoint' || sink.wanted(path))
    .map(([path, { size, sha256 }]) => ({ path, size, sha256 }));
}
