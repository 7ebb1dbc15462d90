import { ArtifactStore } from '@anneal/artifacts';
import { evaluationReport, Failure, type EvaluationReport } from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import type { RunRecord } from './run.record.js';
import { runNotFound, RunTable } from './run.table.js';

/** The file of a report's artifact that holds the evaluation. */
const reportFile = 'report.json';

/** What callers of the API ask about runs. */
@Injectable()
export class RunQueries {
  constructor(
    private readonly table: RunTable,
    private readonly store: ArtifactStore,
  ) {}

  /** @throws Failure RUN_NOT_FOUND */
  async find(id: string): Promise<RunRecord> {
    const run = await this.table.find(id);
    if (!run) throw runNotFound(id);
    return run;
  }

  /** Newest first; with `before`, the ones that are older than the run of that id. */
  async newest({ limit, before }: { limit: number; before?: string | undefined }): Promise<RunRecord[]> {
    if (before !== undefined) await this.find(before);
    return this.table.newest(limit, before);
  }

  /** @throws Failure RUN_NOT_FOUND, ARTIFACT_MISSING before the evaluation, or one of the store's */
  async report(id: string): Promise<EvaluationReport> {
    const { report } = await this.find(id);
    if (!report) {
      throw new Failure('ARTIFACT_MISSING', `The run "${id}" has no report.`, {
        remedy: 'Wait until its evaluation is done; GET /api/runs/:id/watch tells when.',
      });
    }
    const bytes = await this.store.getFile(report, reportFile);
    return evaluationReport.parse(JSON.parse(bytes.toString('utf8')));
  }
}
