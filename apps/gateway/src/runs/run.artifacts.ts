import { ArtifactStore } from '@anneal/artifacts';
import { Failure, type ArtifactFiles, type ArtifactLink, type ArtifactOfRun } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import type { RunRecord } from './run.record.js';
import { RunQueries } from './run.queries.js';

/** Long enough to begin a download by hand; one that has begun goes on beyond it. */
const linkSeconds = 15 * 60;

/** What the stages of a run stored, for callers who want to have it. */
@Injectable()
export class RunArtifacts {
  constructor(
    private readonly queries: RunQueries,
    private readonly store: ArtifactStore,
  ) {}

  /** @throws Failure RUN_NOT_FOUND, also for a run of another project */
  async list(project: string, id: string): Promise<ArtifactOfRun[]> {
    return artifactsOf(await this.queries.find(project, id));
  }

  /** @throws Failure RUN_NOT_FOUND, or ARTIFACT_MISSING for one that no stage of the run stored */
  async files(project: string, id: string, digest: string): Promise<ArtifactFiles> {
    const artifact = await this.find(project, id, digest);
    const { files } = await this.store.readManifest(artifact);
    return { artifact, files };
  }

  /** @throws Failure RUN_NOT_FOUND, or ARTIFACT_MISSING for a file that is not there */
  async link(project: string, id: string, digest: string, path: string): Promise<ArtifactLink> {
    const artifact = await this.find(project, id, digest);
    return this.store.linkTo(artifact, path, linkSeconds);
  }

  private async find(project: string, id: string, digest: string): Promise<ArtifactOfRun> {
    const artifact = (await this.list(project, id)).find((candidate) => candidate.digest === digest);
    if (artifact) return artifact;
    throw new Failure('ARTIFACT_MISSING', `The run "${id}" has no artifact ${digest}.`, {
      remedy: 'GET /api/runs/:id/artifacts lists what its stages have stored so far.',
    });
  }
}

function artifactsOf({ stages }: RunRecord): ArtifactOfRun[] {
  return stages.flatMap(({ stage, artifacts }) => artifacts.map((artifact) => ({ stage, ...artifact })));
}
