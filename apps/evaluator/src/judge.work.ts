import { ArtifactStore } from '@anneal/artifacts';
import {
  EvaluationCompleted,
  evaluationReport,
  Failure,
  type EvaluatedModel,
  type EvaluationReport,
} from '@anneal/contracts';
import { judge, pairsOf, resultsOf } from '@anneal/evaluation';
import { Outbox, type ClaimedJob, type Completion, type WorkContext } from '@anneal/jobs';
import type { StageWork } from '@anneal/service';
import { Injectable } from '@nestjs/common';
import { AnswerTable } from './answers/answer.table.js';
import { EvaluationTable } from './answers/evaluation.table.js';
import { toEvaluatorFailure } from './evaluator.failure.js';
import type { JudgeInput } from './judge.input.js';

/** Holds the two models' answers against each other, stores the report, and says the verdict. */
@Injectable()
export class JudgeWork implements StageWork<JudgeInput> {
  constructor(
    private readonly answers: AnswerTable,
    private readonly evaluations: EvaluationTable,
    private readonly store: ArtifactStore,
    private readonly outbox: Outbox,
  ) {}

  async run(job: ClaimedJob<JudgeInput>, context: WorkContext): Promise<Completion> {
    const report = await this.report(job.input);
    // The report holds no times of its own, so that judging twice stores the same artifact.
    const source = Buffer.from(`${JSON.stringify(report, undefined, 1)}\n`);
    const artifact = await this.store.putFiles('report', [{ path: 'report.json', source }], { signal: context.signal });
    const { verdict, reason, results } = report;
    const evaluation: EvaluatedModel = { report: artifact, results, verdict, reason };
    return async (tx) => {
      await this.outbox.add(tx, EvaluationCompleted, { ...job.input, evaluation }, job);
    };
  }

  toFailure(error: unknown): Failure {
    return toEvaluatorFailure(error);
  }

  private async report({ runId, spec, training }: JudgeInput): Promise<EvaluationReport> {
    const { alpha } = spec.evaluation.policy;
    const pairs = pairsOf(await this.answers.pairs(runId));
    const results = resultsOf(pairs);
    const { verdict, reason, adjusted } = judge(results, alpha);
    const measured = await this.evaluations.settings(runId);
    if (measured.base['revision'] !== training.base.revision) throw otherBase(training.base.reference);
    return evaluationReport.parse({
      runId,
      verdict,
      reason,
      results,
      settings: {
        test: 'exact McNemar, two-sided',
        correction: 'Holm',
        alpha,
        adjusted: Object.fromEntries(results.map(({ benchmark }, index) => [benchmark, adjusted[index]])),
        base: measured.base,
        tuned: measured.tuned,
      },
      items: pairs.map(({ base, tuned, answers }) => ({
        benchmark: answers.benchmark,
        id: answers.itemId,
        prompt: answers.prompt,
        expected: answers.expected,
        base: { answer: answers.baseText ?? '', outcome: base },
        tuned: { answer: answers.tunedText ?? '', outcome: tuned },
      })),
    });
  }
}

function otherBase(reference: string): Failure {
  return new Failure('MODEL_INVALID', `${reference} was measured in another revision than the one that was trained.`, {
    remedy: 'Name a commit in model.revision, leave local models as they are meanwhile, and request the run again.',
    field: 'model.revision',
  });
}
