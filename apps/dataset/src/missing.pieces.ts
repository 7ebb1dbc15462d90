import { Failure, type AcceptedRunSpec } from '@anneal/contracts';
import type { Reach } from '@anneal/datasets';
import { missingOffline, missingTogether, publishingOffline } from '@anneal/outbound';

/**
 * What a run needs and an offline machine does not have, gathered before anything is made of the rest: this stage comes
 * before all that take a GPU.
 */
export class MissingPieces {
  private readonly found: Failure[] = [];

  /** Goes on after what may be missing; everything else that goes wrong is thrown. */
  async unlessMissing<Value>(bring: Promise<Value>): Promise<Value | undefined> {
    try {
      return await bring;
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'SOURCE_OFFLINE') throw error;
      this.note(error);
      return undefined;
    }
  }

  note(failure: Failure | undefined): void {
    if (failure?.code === 'SOURCE_OFFLINE') this.found.push(failure);
  }

  /**
   * The base model is named with the rest, and is no reason by itself: trainer, merger and evaluator may have it on hosts
   * of their own, and say so before they take a GPU.
   *
   * @throws Failure SOURCE_OFFLINE that lists everything
   */
  async demandNone({ model, publish }: AcceptedRunSpec, { offline, fetchedModel }: Reach): Promise<void> {
    if (!offline) return this.throwAll();
    this.note(publishingOffline(publish));
    if (this.found.length === 0) return;
    const id = /^(file|registry):/.test(model.base) ? undefined : model.base.replace(/^hub:/, '');
    if (id !== undefined && (await fetchedModel?.(id, model.revision)) === undefined) {
      this.note(missingOffline(`The model ${id} at revision ${model.revision}`, 'model.base'));
    }
    this.throwAll();
  }

  private throwAll(): void {
    if (this.found.length > 0) throw missingTogether(this.found);
  }
}
