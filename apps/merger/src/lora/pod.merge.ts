import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactStore } from '@anneal/artifacts';
import type { ManifestFile } from '@anneal/contracts';
import { podMergeCommand } from '@anneal/engine';
import type { ClaimedJob, WorkContext } from '@anneal/jobs';
import { annotations, folders, jobName } from '@anneal/kubernetes';
import {
  attendPod,
  failureOfPod,
  isFinished,
  Pods,
  resultMissing,
  storeModel,
  type PodInput,
  type PodPiece,
} from '@anneal/pods';
import { BaseModels, CONFIG } from '@anneal/service';
import { Inject, Injectable } from '@nestjs/common';
import { stringify } from 'yaml';
import type { MergeInput } from '../merge.input.js';
import type { MergerConfig } from '../merger.config.js';
import { engineFailure } from '../merger.failure.js';
import { mergeConfig, mergePaths } from './merge.config.js';
import type { LoraMerged, MergeHost, MergeOptions } from './merge.host.js';
import { MergeWords } from './merge.words.js';
import { requireApplied, tokenizerFiles } from './merged.model.js';
import { judgeParity } from './parity.js';
import { rowsIn } from './prompt.rows.js';
import { locateTrainedBase } from './trained.base.js';

const configName = 'merge.yaml';
/** In the output of a pod, where the merge puts the model. */
const mergedFolder = 'merged/';
/** A merge that is told to end has nothing to finish. */
const graceSeconds = 5;
/** Each has its base model at hand; what waits in the cluster costs nothing else. */
const heldInCluster = 8;

/** Merges in the pods of Kubernetes Jobs. */
@Injectable()
export class PodMerge implements MergeHost {
  readonly merges = heldInCluster;

  constructor(
    @Inject(CONFIG) private readonly config: MergerConfig,
    private readonly models: BaseModels,
    private readonly store: ArtifactStore,
    private readonly pods: Pods,
  ) {}

  async merge(job: ClaimedJob<MergeInput>, { folder, tell, context }: MergeOptions): Promise<LoraMerged> {
    tell('fetching');
    const base = await locateTrainedBase(this.models, job.input, folder, context.signal);
    const baseConfig = await readFile(join(base, 'config.json'), 'utf8');
    const words = new MergeWords(tell);
    const files = await this.runPod(job, base, words, { tell, context });
    requireApplied(words.said('merge'));
    const parity = judgeParity(words.said('compare'), baseConfig);
    tell('storing');
    const own = files.map((file) => ({ ...file, path: file.path.slice(mergedFolder.length) }));
    return { artifact: await this.store.name('model', own, []), parity };
  }

  /** The cluster has room for what it takes on. */
  leave(): Promise<void> {
    return Promise.resolve();
  }

  /** @returns what the pod sent, once both steps ended well */
  private async runPod(
    job: ClaimedJob<MergeInput>,
    base: string,
    words: MergeWords,
    { tell, context }: Pick<MergeOptions, 'tell' | 'context'>,
  ): Promise<ManifestFile[]> {
    const { signal } = context;
    for (;;) {
      let files: ManifestFile[] | undefined;
      const found = await this.pods.newest(job);
      const adopted = found?.metadata.annotations[annotations.turn] === String(job.turn) ? found : undefined;
      const run = adopted ? this.pods.adopt(adopted, words) : await this.start(job, base, words, context);
      const exit = await attendPod(run, {
        sink: {
          lends: adopted === undefined || !isFinished(adopted),
          wanted: (path) => path.startsWith(mergedFolder),
          result: (sent) => {
            files = sent;
            return Promise.resolve();
          },
        },
        signal,
        adoptSeconds: this.config.ADOPT_SECONDS,
        tell: (phase) => tell(phase === 'running' ? 'merging' : phase.waitsFor),
      });
      await this.pods.removeAll(job);
      if (exit.code === 0 && files !== undefined) return files;
      const failure =
        failureOfPod(exit) ?? (exit.code === 0 ? resultMissing() : engineFailure(words.step, exit, words.output));
      // What an earlier attempt ended with is no news when it may be tried again: this attempt is the new try.
      if (adopted === undefined || !failure.retryable) throw failure;
    }
  }

  private async start(job: ClaimedJob<MergeInput>, base: string, words: MergeWords, { signal }: WorkContext) {
    const next = jobName({ work: 'merge', jobId: job.id, attempt: job.attempt });
    await this.pods.removeEarlier(job, { next, graceSeconds, signal });
    return this.pods.start(await this.pieceOf(job, base, signal), words, signal);
  }

  private async pieceOf(job: ClaimedJob<MergeInput>, base: string, signal: AbortSignal): Promise<PodPiece> {
    const { spec, training, dataset } = job.input;
    const { files } = await this.store.readManifest(dataset.artifact);
    const prompts = rowsIn(files.map(({ path }) => path));
    const inputs: PodInput[] = [
      { digest: await storeModel(this.store, base, signal), from: '', to: mergePaths.base, cache: true },
      { digest: training.artifact.digest, from: '', to: mergePaths.adapter, cache: false },
      { digest: dataset.artifact.digest, from: prompts, to: prompts, cache: false },
    ];
    const python = this.config.KUBERNETES_PYTHON;
    return {
      ...{ job, inputs, start: randomUUID(), device: 'cpu', gpus: 0, graceSeconds },
      ...podMergeCommand({ python }, { ...mergePaths, prompts, tokenizer: tokenizerFiles }),
      env: { ANNEAL_GRACE_SECONDS: '0' },
      variables: { YAML_FILE: `${folders.config}/${configName}`, MODEL_NAME: spec.name },
      files: { [configName]: stringify(mergeConfig(training.plan)) },
    };
  }
}
