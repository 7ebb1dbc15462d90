import { join } from 'node:path';
import { Failure } from '@anneal/contracts';
import {
  batchName,
  changed,
  notInstalled,
  TaskAsking,
  type HarnessItem,
  type LoadedBenchmark,
  type Question,
  type TaskRequest,
} from '@anneal/evaluation';
import { Inject, Injectable } from '@nestjs/common';
import { TASKS } from '../inference/tasks.provider.js';

/** An item of a task with the question that it answers. */
export interface AnsweredItem {
  readonly question: Question;
  readonly item: HarnessItem;
}

/** How answers come about. */
export interface AskingSettings {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
}

/** The benchmarks of a run that lm-eval asks and scores by itself. */
@Injectable()
export class HarnessTasks {
  constructor(@Inject(TASKS) private readonly tasks: TaskAsking | null) {}

  /** What tasks are asked on here, if they are. */
  get uses(): 'cpu' | 'gpu' | undefined {
    return this.tasks?.uses;
  }

  /** What decides how answers to a benchmark come about; nothing when lm-eval does not ask it. */
  async settings({ task }: LoadedBenchmark): Promise<AskingSettings | undefined> {
    if (task === undefined) return undefined;
    const asking = this.installed();
    // An outcome of lm-eval is taken over as it is: by another metric it would be another one.
    const settings = { ...asking.settings, metric: task.metric ?? 'the first that says right or wrong' };
    return { settings, versions: await asking.versions(task.described) };
  }

  /**
   * Asks a whole task.
   *
   * @param questions all of the task, also those that are answered
   * @throws Failure BENCHMARK_INVALID when lm-eval asked something else than it had described
   */
  async ask(
    benchmark: LoadedBenchmark,
    questions: readonly Question[],
    {
      model,
      identity,
      folder,
      ...request
    }: Omit<TaskRequest, 'described' | 'metric' | 'directory' | 'model'> & {
      readonly model: string;
      /** Tells the model from every other one. */
      readonly identity: string;
      readonly folder: string;
    },
  ): Promise<AnsweredItem[]> {
    const { task, label } = benchmark;
    if (task === undefined) return [];
    const directory = join(folder, batchName(identity, questions));
    const { items } = await this.installed().ask({ ...request, ...task, model, directory });
    const byId = new Map(items.map((item) => [item.id, item]));
    return questions.map((question) => {
      const item = byId.get(question.itemId);
      if (!item) throw unanswered(label, question.itemId);
      if (item.digest !== question.digest) throw changed(label, question.itemId);
      return { question, item };
    });
  }

  private installed(): TaskAsking {
    if (this.tasks) return this.tasks;
    throw notInstalled('evaluation.benchmarks');
  }
}

function unanswered(benchmark: string, itemId: string): Failure {
  return new Failure('BENCHMARK_INVALID', `lm-eval gave no answer to item ${itemId} of ${benchmark}.`, {
    remedy: 'Leave the task and its data as they are while a run goes on, and request the run again.',
  });
}
