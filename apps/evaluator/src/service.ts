import { deviceProviders } from '@anneal/devices';
import {
  BaseModels,
  cacheProvider,
  defineService,
  finishedFoldersProvider,
  storeProvider,
  worker,
} from '@anneal/service';
import { AnswerTable } from './answers/answer.table.js';
import { forgetAnswers } from './answers/forget.answers.js';
import { EvaluationTable } from './answers/evaluation.table.js';
import { BenchmarkLoader } from './benchmark.loader.js';
import { evaluatorConfig } from './evaluator.config.js';
import { EvaluatorConsumer } from './evaluator.consumer.js';
import { inferenceProviders } from './inference/inference.provider.js';
import { tasksProvider } from './inference/tasks.provider.js';
import { judgeInput } from './judge.input.js';
import { JudgeWork } from './judge.work.js';
import { measureInput } from './measure.input.js';
import { MeasureWork } from './measure.work.js';
import { Asking } from './measurement/asking.js';
import { HarnessTasks } from './measurement/harness.tasks.js';
import { AddEvaluationTurn1767226000000 } from './migrations/1767226000000-AddEvaluationTurn.js';
import { CreateAnswers1767225600000 } from './migrations/1767225600000-CreateAnswers.js';
import { AllowUnknownEffort1767226200000 } from './migrations/1767226200000-AllowUnknownEffort.js';
import { KeepBaseAnswers1767225800000 } from './migrations/1767225800000-KeepBaseAnswers.js';

export const evaluatorService = defineService({
  name: 'evaluator',
  stage: 'evaluator',
  config: evaluatorConfig,
  migrations: [
    CreateAnswers1767225600000,
    KeepBaseAnswers1767225800000,
    AddEvaluationTurn1767226000000,
    AllowUnknownEffort1767226200000,
  ],
  module: (config) => ({
    controllers: [EvaluatorConsumer],
    providers: [
      storeProvider(config, { publicEndpoint: config.KUBERNETES_STORE_ENDPOINT }),
      cacheProvider(config),
      finishedFoldersProvider(config, 'evaluator'),
      ...inferenceProviders(config),
      tasksProvider(config),
      ...deviceProviders(config, 'evaluator'),
      BaseModels,
      BenchmarkLoader,
      HarnessTasks,
      Asking,
      AnswerTable,
      EvaluationTable,
      MeasureWork,
      JudgeWork,
    ],
  }),
  workers: [
    worker({
      kind: 'measure-base',
      input: measureInput,
      work: MeasureWork,
      follows: 'dataset',
      forget: forgetAnswers('base'),
    }),
    worker({
      kind: 'measure-tuned',
      input: measureInput,
      work: MeasureWork,
      follows: 'merger',
      forget: forgetAnswers('tuned'),
    }),
    worker({ kind: 'judge', input: judgeInput, work: JudgeWork, follows: 'evaluator' }),
  ],
});
