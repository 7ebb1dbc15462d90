import { ArtifactStore } from '@anneal/artifacts';
import { Injectable } from '@nestjs/common';
import type { Publication, PublishRequest, PublishTarget } from './target.js';

/** `registry:NAME[:TAG]`: a name in the object store that points at the manifest which was evaluated. */
@Injectable()
export class RegistryTarget implements PublishTarget {
  constructor(private readonly store: ArtifactStore) {}

  async publish({ runId, input, to, card }: PublishRequest): Promise<Publication> {
    const [name = '', tag = 'latest'] = to.replace(/^registry:/, '').split(':');
    const cardArtifact = await this.store.putFiles('report', [{ path: 'README.md', source: Buffer.from(card) }]);
    const { revision } = await this.store.setTag({
      name,
      tag,
      artifact: input.merge.artifact,
      runId,
      publishedAt: new Date().toISOString(),
      details: { card: cardArtifact, base: input.training.base, verdict: input.evaluation.verdict },
    });
    return { to: `registry:${name}:${tag}`, revision };
  }
}
