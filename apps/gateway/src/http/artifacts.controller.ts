import type { ArtifactFiles, ArtifactLink, ArtifactOfRun } from '@anneal/contracts';
import { Controller, Get, Param } from '@nestjs/common';
import { By, type Caller } from '../keys/caller.js';
import { RunArtifacts } from '../runs/run.artifacts.js';

/**
 * What the stages of a run stored. A file is answered with a link and not with a redirect: clients that follow one with
 * their key in the header are refused by the store, which takes one way of signing only.
 */
@Controller('api/runs/:id/artifacts')
export class ArtifactsController {
  constructor(private readonly artifacts: RunArtifacts) {}

  @Get()
  async list(@By() { project }: Caller, @Param('id') id: string): Promise<{ artifacts: ArtifactOfRun[] }> {
    return { artifacts: await this.artifacts.list(project, id) };
  }

  @Get(':digest')
  async files(
    @By() { project }: Caller,
    @Param('id') id: string,
    @Param('digest') digest: string,
  ): Promise<ArtifactFiles> {
    return this.artifacts.files(project, id, digest);
  }

  @Get(':digest/files/:path')
  async link(
    @By() { project }: Caller,
    @Param('id') id: string,
    @Param('digest') digest: string,
    @Param('path') path: string,
  ): Promise<ArtifactLink> {
    return this.artifacts.link(project, id, digest, path);
  }
}
