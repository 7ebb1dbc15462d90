import { openAsBlob } from 'node:fs';
import { join } from 'node:path';
import { ArtifactCache, ArtifactStore } from '@anneal/artifacts';
import { Failure, type Manifest } from '@anneal/contracts';
import { CONFIG } from '@anneal/service';
import { commit, createRepo, HubApiError, listCommits, listFiles, type CommitFile } from '@huggingface/hub';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { z } from 'zod';
import type { PublisherConfig } from '../publisher.config.js';
import type { Publication, PublishRequest, PublishTarget } from './target.js';

const publicationRows = z.array(z.object({ parent_commit: z.string() }));

interface Repository {
  readonly name: string;
  readonly repo: { type: 'model'; name: string };
  readonly hubUrl: string;
  readonly accessToken: string;
}

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
    const repository = this.repository(request);
    await ensureRepository(repository, request.input.spec.publish.private);
    const title = `Anneal run ${request.runId}`;
    const commits = await history(repository);
    const head = commits[0]?.oid ?? '';
    const remembered = await this.rememberedParent(request.runId);
    const done = remembered === undefined ? undefined : commits.find((entry) => entry.title === title);
    const revision = done?.oid ?? (await this.commitOnto(head, title, repository, request));
    await confirm(repository, revision, await this.store.readManifest(request.input.merge.artifact));
    return { to: request.to, revision };
  }

  private repository({ input, to }: PublishRequest): Repository {
    const name = to.replace(/^hub:/, '');
    return {
      name,
      repo: { type: 'model', name },
      hubUrl: this.config.HF_ENDPOINT,
      accessToken: token(input.spec.publish.tokenRef),
    };
  }

  private async rememberedParent(runId: string): Promise<string | undefined> {
    const rows: unknown = await this.dataSource.query('SELECT parent_commit FROM publication WHERE run_id = $1', [
      runId,
    ]);
    return publicationRows.parse(rows)[0]?.parent_commit;
  }

  private async commitOnto(
    parent: string,
    title: string,
    repository: Repository,
    request: PublishRequest,
  ): Promise<string> {
    // Remembered before the Hub hears of it: only then does a crash leave something to look for.
    await request.commit((tx) => remember(tx, request.runId, repository.name, parent));
    const directory = await this.cache.materialise(request.input.merge.artifact, request.signal);
    const { files } = await this.store.readManifest(request.input.merge.artifact);
    const operations: CommitFile[] = [
      { operation: 'addOrUpdate', path: 'README.md', content: new Blob([request.card]) },
      ...(await Promise.all(
        files
          .filter(({ path }) => path !== 'README.md')
          .map(async ({ path }): Promise<CommitFile> => ({
            operation: 'addOrUpdate',
            path,
            content: await openAsBlob(join(directory, path)),
          })),
      )),
    ];
    const output = await commit({
      ...repository,
      title,
      operations,
      abortSignal: request.signal,
      // The plain LFS protocol: every server that speaks for the Hub knows it.
      useXet: false,
      ...(parent === '' ? {} : { parentCommit: parent }),
    });
    if (!output)
      throw new Failure('HUB_UNAVAILABLE', 'The Hub took the commit without naming it.', {
        remedy: 'It is tried again.',
      });
    return output.commit.oid;
  }
}

/** The token itself, at the moment of its use. Only variables meant for Hub tokens may be named. */
function token(reference = 'env:HF_TOKEN'): string {
  const variable = reference.replace(/^env:/, '');
  const value = /^HF_TOKEN(_[A-Z0-9_]+)?$/.test(variable) ? process.env[variable] : undefined;
  if (value) return value;
  throw new Failure('SECRET_MISSING', `The publisher has no token in ${variable}.`, {
    remedy: 'Set HF_TOKEN (or HF_TOKEN_SOMETHING, named by publish.tokenRef) in the environment of the publisher.',
    field: 'publish.tokenRef',
  });
}

async function ensureRepository(repository: Repository, isPrivate: boolean): Promise<void> {
  try {
    await createRepo({ ...repository, visibility: isPrivate ? 'private' : 'public' });
  } catch (error) {
    if (!(error instanceof HubApiError) || error.statusCode !== 409) throw error;
  }
}

async function history(repository: Repository): Promise<{ oid: string; title: string }[]> {
  const commits: { oid: string; title: string }[] = [];
  for await (const { oid, title } of listCommits(repository)) commits.push({ oid, title });
  return commits;
}

async function remember(tx: EntityManager, runId: string, repository: string, parent: string): Promise<void> {
  await tx.query(
    `INSERT INTO publication (run_id, repository, parent_commit) VALUES ($1, $2, $3)
     ON CONFLICT (run_id) DO UPDATE SET parent_commit = excluded.parent_commit`,
    [runId, repository, parent],
  );
}

/** What stands there now has to be what was evaluated, file by file. */
async function confirm(repository: Repository, revision: string, manifest: Manifest): Promise<void> {
  const there = new Map<string, { size: number; sha256: string | undefined }>();
  for await (const file of listFiles({ ...repository, revision, recursive: true })) {
    there.set(file.path, { size: file.size, sha256: file.lfs?.oid });
  }
  for (const { path, size, sha256 } of manifest.files) {
    if (path === 'README.md') continue;
    const found = there.get(path);
    if (found && found.size === size && (found.sha256 === undefined || found.sha256 === sha256)) continue;
    throw new Failure('PUBLISH_CONFLICT', `${path} in ${repository.name} is not the file that was evaluated.`, {
      remedy: 'It is tried again; nobody else should write to the repository meanwhile.',
    });
  }
}
