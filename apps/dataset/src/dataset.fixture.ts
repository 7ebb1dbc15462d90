import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatasetPrepared, StageFailed, type EventData, type PreparedDataset } from '@anneal/contracts';
import { startService } from '@anneal/service';
import { ServiceUnderTest, startHub, startSurroundings, type SmallHub, type Surroundings } from '@anneal/testing';
import { datasetService } from './service.js';

/** The dataset service with a small Hub, and a folder of a user that it may read. */
export class TestDatasetService extends ServiceUnderTest {
  private constructor(
    surroundings: Surroundings,
    readonly hub: SmallHub,
    readonly data: string,
  ) {
    super(surroundings, {
      name: 'dataset',
      start: (environment, options) => startService(datasetService, environment, options),
      settings: { FILE_ROOTS: data, HF_ENDPOINT: hub.url, DATA_BUCKETS: 'data' },
    });
  }

  static async start(): Promise<TestDatasetService> {
    const surroundings = await startSurroundings();
    const data = join(surroundings.servers.folder, 'data-of-the-user');
    await mkdir(data);
    const dataset = new TestDatasetService(surroundings, await startHub(), data);
    await dataset.startService();
    return dataset;
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.hub.stop();
  }

  /** A source in the folder of the user. */
  async file(name: string, lines: readonly string[]): Promise<string> {
    await writeFile(join(this.data, name), lines.map((line) => `${line}\n`).join(''));
    return `file:${join(this.data, name)}`;
  }

  /** The set that was made for a run; anything else that is said of it throws. */
  async prepared(runId: string): Promise<PreparedDataset> {
    return DatasetPrepared.data.parse(await this.onlyWord(runId)).dataset;
  }

  /** How a run failed; anything else that is said of it throws. */
  async failed(runId: string): Promise<EventData<typeof StageFailed>> {
    return StageFailed.data.parse(await this.onlyWord(runId));
  }

  private async onlyWord(runId: string): Promise<unknown> {
    const [word, ...more] = await this.allSaid(runId, 300);
    if (more.length > 0) throw new Error(`it said more of ${runId}: ${this.names(runId).join(', ')}`);
    return word?.event.data;
  }
}
