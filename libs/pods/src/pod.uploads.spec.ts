import type { ArtifactStore } from '@anneal/artifacts';
import { Failure } from '@anneal/contracts';
import type { Logger } from '@anneal/service';
import { describe, expect, it } from 'vitest';
import type { PodOrders } from './pod.orders.js';
import { PodUploads, type UploadSink } from './pod.uploads.js';

const file = (digit: string) => ({ size: 1, sha256: digit.repeat(64) });
const offer = { word: 'offer', id: 'checkpoint-1', what: 'checkpoint', step: 20, files: { here: file('a') } } as const;
const sent = { word: 'sent', id: offer.id, files: {} } as const;

/** A store that holds some files, and the orders that a pod would read. */
function uploadsTo(held: Set<string>, checkpoint: UploadSink['checkpoint']) {
  const told: string[] = [];
  const store = {
    lendUpload: () => Promise.resolve(undefined),
    finishUpload: () => Promise.resolve(),
    holds: ({ path }: { path: string }) => Promise.resolve(held.has(path)),
  } as unknown as ArtifactStore;
  const tell = (word: string) => (id: string) => Promise.resolve(void told.push(`${word} ${id}`));
  const orders = { name: 'n', lend: tell('lend'), tellStored: tell('stored'), askAgain: tell('again') };
  const log = { warn: () => undefined } as unknown as Logger;
  const uploads = new PodUploads(store, orders as unknown as PodOrders, log, new AbortController().signal);
  const sink: UploadSink = { lends: true, wanted: () => true, checkpoint, result: () => Promise.resolve() };
  return { told, uploads, sink };
}

describe('what a pod offers', () => {
  it('is stored when all of it is there', async () => {
    const { told, uploads, sink } = uploadsTo(new Set(['here']), () => Promise.resolve());
    uploads.hear(offer, sink);
    uploads.hear(sent, sink);
    await uploads.settled();
    expect(told).toEqual(['stored checkpoint-1']);
  });

  it('is asked for again when a file that it did not have to send was removed meanwhile', async () => {
    const { told, uploads, sink } = uploadsTo(new Set(), () => Promise.resolve());
    uploads.hear(offer, sink);
    await uploads.settled();
    uploads.hear(sent, sink);
    await uploads.settled();
    expect(told).toEqual(['lend checkpoint-1', 'again checkpoint-1']);
  });

  it('is asked for again when it was removed while it got its name', async () => {
    const { told, uploads, sink } = uploadsTo(new Set(['here']), () =>
      Promise.reject(new Failure('ARTIFACT_MISSING', 'It is gone.', { remedy: 'None.' })),
    );
    uploads.hear(offer, sink);
    uploads.hear(sent, sink);
    await uploads.settled();
    expect(told).toEqual(['again checkpoint-1']);
  });

  it('is not asked for again when a newer offer has taken its place', async () => {
    const { told, uploads, sink } = uploadsTo(new Set(), () => Promise.resolve());
    uploads.hear(offer, sink);
    uploads.hear({ ...offer, id: 'checkpoint-2' }, sink);
    uploads.hear(sent, sink);
    await uploads.settled();
    expect(told).toEqual(['lend checkpoint-2']);
  });
});
