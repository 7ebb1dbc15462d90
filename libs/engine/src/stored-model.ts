import type { ArtifactStore } from '@anneal/artifacts';
import type { ArtifactRef } from '@anneal/contracts';
import type { ModelSize } from './model-size.js';
import { countTensors } from './safetensors-header.js';

type Store = Pick<ArtifactStore, 'resolveTag' | 'readManifest' | 'getFile' | 'openFile'>;

/**
 * Reads the size of a published model where it is stored: config.json and the headers of its weight files, and no more of them.
 *
 * @param reference registry:NAME[:TAG]
 * @throws Failure MODEL_NOT_FOUND, MODEL_INVALID or ARTIFACT_MISSING
 */
export async function readStoredModelSize(reference: string, store: Store): Promise<ModelSize> {
  const [, name = '', tag] = reference.split(':');
  const { artifact } = await store.resolveTag(name, tag);
  const config: unknown = JSON.parse(String(await store.getFile(artifact, 'config.json')));
  const { files } = await store.readManifest(artifact);
  const weights = files.filter(({ path }) => /^model[^/]*\.safetensors$/.test(path));
  if (weights.length === 0) return { config, parameters: undefined };
  let parameters = 0;
  for (const { path } of weights) {
    const read = async (start: number, length: number): Promise<Buffer> =>
      (await readBeginning(store, artifact, path, start + length)).subarray(start);
    parameters += await countTensors(read, reference);
  }
  return { config, parameters };
}

async function readBeginning(store: Store, artifact: ArtifactRef, path: string, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let received = 0;
  for await (const chunk of await store.openFile(artifact, path)) {
    chunks.push(chunk as Buffer);
    received += (chunk as Buffer).length;
    if (received >= length) break;
  }
  return Buffer.concat(chunks).subarray(0, length);
}
