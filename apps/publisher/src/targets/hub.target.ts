import { ArtifactCache, ArtifactStore } from '@anneal/artifacts';
import { publishingOffline } from '@anneal/outbound';
import { CONFIG, isOffline } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import type { PublisherConfig } from '../publisher.config.js';
import { HubRepository } from './hub.repository.js';
import { hubToken } from './hub.token.js';
import { PublishedFiles } from './published.files.js';
import type { Publication, PublishRequest, PublishTarget } from './target.js';

const publicationRows = z.array(z.object({ parent_commit: z.string() }));

/**
 * `hub:OWNER/NAME`: model files and card in one commit on top of a remembered parent. When the answer to a commit is
 * lost, the commit is found again by its title, since a second one on the same parent cannot exist.
 */
@Injectable()
export class HubTarget implements PublishTarget {
  constructor(
    @Inject(CONFIG) private readonly config: PublisherConfig,
    private readonly store: ArtifactStore,
    private readonly cache: ArtifactCache,
    private readonly dataSource: DataSource,
  ) {}

  async publish(request: PublishRequest): Promise<Publication> {
    const { runId, input, to, signal } = request;
    const refusal = isOffline(this.config) ? publishingOffline(input.spec.publish) : undefined;
    if (refusal) throw refusal;
    const { artifact } = input.merge;
    const repository = new HubRepository(to.replace(/^hub:/, ''), {
      hubUrl: this.config.HF_ENDPOINT,
      accessToken: hubToken(input.spec.publish.tokenRef),
      signal,
    });
    await repository.ensure(input.spec.publish.private);
    const manifest = await this.store.readManifest(artifact);
    return this.cache.use(artifact, signal, async (directory) => {
      const files = new PublishedFiles(manifest, directory);
      const title = `Anneal run ${runId}`;
      const { head, since } = await repository.commitsSince(await this.rememberedParent(runId));
      const done = since.find((commit) => commit.title === title);
      const revision = done?.oid ?? (await this.commitOnto(head, title, repository, files, request));
      await files.confirm(await repository.filesAt(revision), `commit ${revision} of ${repository.name}`);
      return { to, revision };
    });
  }

  private async rememberedParent(runId: string): Promise<string | undefined> {
    const rows: unknown = await this.dataSource.query('SELECT parent_commit FROM publication WHERE run_id = $1', [
      runId,
    ]);
    return publicationRows.parse(rows)[0]?.parent_commit;
  }

  private async commitOnto(
    parent: string | undefined,
    title: string,
    repository: HubRepository,
    files: PublishedFiles,
    { runId, card, commit }: PublishRequest,
  ): Promise<string> {
    const there = parent === undefined ? new Map<string, never>() : await repository.filesAt(parent);
    const operations = await files.operations(card, there);
    // Remembered before the Hub hears of it: only then does a crash leave something to look for.
    await commit((tx) => remember(tx, runId, repository.name, parent ?? ''));
    return repository.commit(title, parent, operations);
  }
}

async function remember(tx: EntityManager, runId: string, repository: string, parent: string): Promise<void> {
  await tx.query(
    `INSERT INTO publication (run_id, repository, parent_commit) VALUES ($1, $2, $3)
     ON CONFLICT (run_id) DO UPDATE SET parent_commit = excluded.parent_commit`,
    [runId, repository, parent],
  );
}
