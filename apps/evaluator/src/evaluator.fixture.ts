import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type DatasetPrepared,
  evaluationReport,
  type ModelMerged,
  type AcceptedRunSpec,
  type ArtifactRef,
  type EvaluationReport,
  type EventData,
  type RunSpecInput,
} from '@anneal/contracts';
import { startService } from '@anneal/service';
import {
  localBase,
  makeStandInEngine,
  makeStandInGenerator,
  ServiceUnderTest,
  specWith,
  startSurroundings,
  type StandInGenerator,
  type Surroundings,
} from '@anneal/testing';
import { z } from 'zod';
import { mergedFrom, preparedFrom } from './run-pieces.fixture.js';
import { evaluatorService } from './service.js';

type Evaluation = NonNullable<RunSpecInput['evaluation']>;

/** What a model of the stand-in knows: the answer to each question. */
export type Knowledge = Record<string, string>;

/** A run as the evaluator gets to know it, piece by piece. */
export interface TestRun {
  readonly spec: AcceptedRunSpec;
  readonly prepared: EventData<typeof DatasetPrepared>;
  readonly merged: EventData<typeof ModelMerged>;
}

const ids = z.array(z.object({ id: z.string() }));
const count = z.array(z.object({ count: z.coerce.number() }));

/** The evaluator with a stand-in for the generation. */
export class TestEvaluator extends ServiceUnderTest {
  private constructor(
    surroundings: Surroundings,
    readonly generator: StandInGenerator,
    private readonly emptyModel: string,
  ) {
    super(surroundings, {
      name: 'evaluator',
      start: (environment, options) => startService(evaluatorService, environment, options),
      settings: { ENGINE_PYTHON: generator.python, DEVICE: 'cpu', BATCH: '2' },
      pods: { standIn: generator, settings: { EVALUATION_HOST: 'kubernetes' } },
    });
  }

  static async start(): Promise<TestEvaluator> {
    const surroundings = await startSurroundings();
    const { folder } = surroundings.servers;
    const engine = await makeStandInEngine(join(folder, 'engine'));
    const generator = makeStandInGenerator(join(folder, 'generator'));
    const evaluator = new TestEvaluator(surroundings, generator, engine.model);
    await evaluator.startService();
    return evaluator;
  }

  /** As a process of its own, from its built files, so that it can be killed. */
  async startProcess(more: Record<string, string>): Promise<ChildProcess> {
    const { PATH = '', HOME = '' } = process.env;
    const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'dist', 'main.js')], {
      env: { PATH, HOME, ...this.environmentWith(more), LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the evaluator ended with ${code}; is it built?`)));
      child.stdout.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('"address"')) resolve();
      });
    });
    return child;
  }

  /** A file below the folders that the service may read. */
  write(name: string, rows: readonly unknown[]): string {
    const path = join(this.folder, name);
    writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return path;
  }

  /** A run with its base model, dataset and merged model in place; nothing is said yet. */
  async run(
    id: string,
    evaluation: Evaluation,
    {
      base = {},
      tuned = {},
      heldOut = [],
      train = [],
      sameBaseAs = id,
    }: {
      base?: Knowledge;
      tuned?: Knowledge;
      heldOut?: readonly unknown[];
      train?: readonly unknown[];
      sameBaseAs?: string;
    },
  ): Promise<TestRun> {
    // Their weights are all the same: the answers, with the name of the run among them, make them different models.
    const baseFolder = this.model(`${id}-base`, { ...base, base: sameBaseAs });
    const spec = specWith(evaluation, { id, base: `file:${baseFolder}` });
    const sides = { 'train.jsonl': train, 'held-out.jsonl': heldOut };
    const files = Object.entries(sides).map(([path, rows]) => ({
      path,
      source: Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join('')),
    }));
    const dataset = preparedFrom(await this.store.putFiles('dataset', files));
    const artifact = await this.store.putDirectory('model', this.model(`${id}-tuned`, tuned));
    const prepared = { runId: id, spec, dataset };
    const known = await localBase(spec, baseFolder, { engine: this.generator, workDir: this.folder });
    return { spec, prepared, merged: { ...prepared, ...mergedFrom(artifact, known) } };
  }

  async report(ref: ArtifactRef): Promise<EvaluationReport> {
    return evaluationReport.parse(JSON.parse(String(await this.store.getFile(ref, 'report.json'))));
  }

  /** Names of the files that a report is made of. */
  async reportFiles(ref: ArtifactRef): Promise<string[]> {
    return (await this.store.readManifest(ref)).files.map(({ path }) => path).toSorted();
  }

  /** Names of the questions that were handed to a model for a run, over all starts. */
  asked(runId: string, subject: 'base' | 'tuned'): string[] {
    const isBase = (model: string): boolean => model.endsWith(`${runId}-base`);
    return this.generator
      .asked()
      .filter(({ model, id }) => id.includes(runId) && isBase(model) === (subject === 'base'))
      .map(({ id }) => id);
  }

  /** Names of the questions that were handed to whichever model, over all starts, in the order of the starts. */
  askedIn(runId: string): { pid: number; id: string }[] {
    return this.generator.asked().filter(({ id }) => id.includes(runId));
  }

  /** Names of the items to which an answer of a model is stored. */
  async answered(runId: string, subject: 'base' | 'tuned'): Promise<string[]> {
    const rows = await this.query(`SELECT item_id AS id FROM answer WHERE run_id = $1 AND subject = $2`, [
      runId,
      subject,
    ]);
    return ids.parse(rows).map(({ id }) => id);
  }

  /** How many rows the service's own table has. */
  async count(query: string, runId: string): Promise<number> {
    return count.parse(await this.query(`SELECT count(*) FROM ${query} AND run_id = $1`, [runId]))[0]?.count ?? 0;
  }

  private model(name: string, knowledge: Knowledge): string {
    const folder = join(this.folder, 'models', name);
    mkdirSync(folder, { recursive: true });
    cpSync(this.emptyModel, folder, { recursive: true });
    writeFileSync(join(folder, 'answers.json'), JSON.stringify(knowledge));
    return folder;
  }
}
