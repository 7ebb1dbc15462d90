import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactStore } from '@anneal/artifacts';
import { EvaluationCompleted, Failure, type EvaluatedModel, type EvaluationReport } from '@anneal/contracts';
import { makeReport, reportFiles } from '@anneal/evaluation';
import { Outbox, type ClaimedJob, type Completion, type WorkContext } from '@anneal/jobs';
import { CONFIG, type StageWork } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { AnswerTable } from './answers/answer.table.js';
import { EvaluationTable } from './answers/evaluation.table.js';
import { BenchmarkLoader } from './benchmark.loader.js';
import type { EvaluatorConfig } from './evaluator.config.js';
import { toEvaluatorFailure } from './evaluator.failure.js';
import type { JudgeInput } from './judge.input.js';

/** Holds the two models' answers against each other, stores the report, and says the verdict. */
@Injectable()
export class JudgeWork implements StageWork<JudgeInput> {
  constructor(
    @Inject(CONFIG) private readonly config: EvaluatorConfig,
    private readonly answers: AnswerTable,
    private readonly evaluations: EvaluationTable,
    private readonly benchmarks: BenchmarkLoader,
    private readonly store: ArtifactStore,
    private readonly outbox: Outbox,
  ) {}

  async run(job: ClaimedJob<JudgeInput>, context: WorkContext): Promise<Completion> {
    const report = await this.report(job.input, context.signal);
    // The report holds no times of its own, so that judging twice stores the same artifact.
    // A folder of its own for each claim: an earlier owner that was only frozen must not write into these files.
    const folder = join(this.config.WORK_DIR, 'evaluator', job.runId, `report-${job.token}`);
    const files = await reportFiles(report, folder).finally(() => rm(folder, { recursive: true, force: true }));
    const artifact = await this.store.putFiles('report', files, { signal: context.signal });
    const { verdict, reason, rule, alarms, results } = report;
    const evaluation: EvaluatedModel = { report: artifact, results, verdict, reason, rule, alarms };
    return async (tx) => {
      await this.outbox.add(tx, EvaluationCompleted, { ...job.input, evaluation }, job);
    };
  }

  toFailure(error: unknown): Failure {
    return toEvaluatorFailure(error);
  }

  private async report({ runId, spec, training, dataset }: JudgeInput, signal: AbortSignal): Promise<EvaluationReport> {
    const measured = await this.evaluations.settings(runId);
    if (measured.base['revision'] !== training.base.revision) throw otherBase(training.base.reference);
    const answers = await this.answers.pairs(runId);
    const benchmarks = await this.benchmarks.load(spec, dataset, signal);
    return makeReport({ runId, spec, answers, benchmarks, measured, dataset });
  }
}

function otherBase(reference: string): Failure {
  return new Failure('MODEL_INVALID', `${reference} was measured in another revision than the one that was trained.`, {
    remedy: 'Name a commit in model.revision, leave local models as they are meanwhile, and request the run again.',
    field: 'model.revision',
  });
}
