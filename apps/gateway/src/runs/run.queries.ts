import { ArtifactStore } from '@anneal/artifacts';
import {
  evaluationReport,
  Failure,
  type ArtifactRef,
  type EvaluationReport,
  type RunComparison,
} from '@anneal/contracts';
import { Injectable } from '@nestjs/common';
import { compareRuns } from './run.comparison.js';
import type { RunRecord } from './run.record.js';
import { runNotFound, RunTable, type RunFilter } from './run.table.js';

/** The file of a report's artifact that holds the evaluation. */
const reportFile = 'report.json';
/** Longer reports are compared by their results alone: two of them are held in memory for it. */
const longestCompared = 16 * 1024 * 1024;

/** What callers of the API ask about runs. */
@Injectable()
export class RunQueries {
  constructor(
    private readonly table: RunTable,
    private readonly store: ArtifactStore,
  ) {}

  /** @throws Failure RUN_NOT_FOUND, also for a run of another project */
  async find(project: string, id: string): Promise<RunRecord> {
    const run = await this.table.find(id);
    if (run?.project !== project) throw runNotFound(id);
    return run;
  }

  /** The runs of a project, newest first; with `before`, the ones that are older than the run of that id. */
  async newest(project: string, filter: RunFilter): Promise<RunRecord[]> {
    if (filter.before !== undefined) await this.find(project, filter.before);
    return this.table.newest(project, filter);
  }

  /** @throws Failure RUN_NOT_FOUND, ARTIFACT_MISSING before the evaluation, or one of the store's */
  async report(project: string, id: string): Promise<EvaluationReport> {
    const { report } = await this.find(project, id);
    if (!report) {
      throw new Failure('ARTIFACT_MISSING', `The run "${id}" has no report.`, {
        remedy: 'Wait until its evaluation is done; GET /api/runs/:id/watch tells when.',
      });
    }
    return this.read(report);
  }

  /** @throws Failure RUN_NOT_FOUND for either, or one of the store's */
  async compare(project: string, one: string, other: string): Promise<RunComparison> {
    const [a, b] = await Promise.all([this.find(project, one), this.find(project, other)]);
    const [left, right] = [a, b].map(({ report }) => (report && report.bytes <= longestCompared ? report : undefined));
    if (!left || !right) return compareRuns(a, b);
    return compareRuns(a, b, [await this.read(left), await this.read(right)]);
  }

  private async read(report: ArtifactRef): Promise<EvaluationReport> {
    const bytes = await this.store.getFile(report, reportFile);
    return evaluationReport.parse(JSON.parse(bytes.toString('utf8')));
  }
}
