import {
  DatasetPrepared,
  EvaluationCompleted,
  ModelMerged,
  ModelPublished,
  ModelWithheld,
  StageAttempted,
  StageFailed,
  TrainingCompleted,
  TrainingPaused,
  TrainingStarted,
  TrainRequested,
  type EventData,
  type ReceivedEvent,
} from '@anneal/contracts';
import { OnEvent } from '@anneal/messaging';
import { Controller } from '@nestjs/common';
import { RunLedger } from './runs/run.ledger.js';
import {
  attempted,
  datasetPrepared,
  evaluationCompleted,
  modelMerged,
  modelPublished,
  modelWithheld,
  stageFailed,
  trainingCompleted,
  trainingPaused,
  trainingStarted,
} from './runs/run-state.js';

@Controller()
export class GatewayConsumer {
  constructor(private readonly ledger: RunLedger) {}

  @OnEvent(TrainRequested)
  async requested(event: ReceivedEvent): Promise<void> {
    await this.ledger.takeRequest(event);
  }

  @OnEvent(DatasetPrepared)
  async prepared(event: ReceivedEvent<EventData<typeof DatasetPrepared>>): Promise<void> {
    await this.ledger.takeWord('dataset', event, (run, at) => datasetPrepared(run, at, event.data.dataset));
  }

  @OnEvent(TrainingStarted)
  async started(event: ReceivedEvent<EventData<typeof TrainingStarted>>): Promise<void> {
    await this.ledger.takeWord('trainer', event, (run, at) => trainingStarted(run, at, event.data));
  }

  @OnEvent(TrainingPaused)
  async paused(event: ReceivedEvent<EventData<typeof TrainingPaused>>): Promise<void> {
    await this.ledger.takeWord('trainer', event, (run) => trainingPaused(run, event.data));
  }

  @OnEvent(TrainingCompleted)
  async trained(event: ReceivedEvent<EventData<typeof TrainingCompleted>>): Promise<void> {
    await this.ledger.takeWord('trainer', event, (run, at) => trainingCompleted(run, at, event.data.training));
  }

  @OnEvent(ModelMerged)
  async merged(event: ReceivedEvent<EventData<typeof ModelMerged>>): Promise<void> {
    await this.ledger.takeWord('merger', event, (run, at) => modelMerged(run, at, event.data.merge));
  }

  @OnEvent(EvaluationCompleted)
  async evaluated(event: ReceivedEvent<EventData<typeof EvaluationCompleted>>): Promise<void> {
    await this.ledger.takeWord('evaluator', event, (run, at) => evaluationCompleted(run, at, event.data.evaluation));
  }

  @OnEvent(ModelPublished)
  async published(event: ReceivedEvent<EventData<typeof ModelPublished>>): Promise<void> {
    await this.ledger.takeWord('publisher', event, (run, at) => modelPublished(run, at, event.data));
  }

  @OnEvent(ModelWithheld)
  async withheld(event: ReceivedEvent<EventData<typeof ModelWithheld>>): Promise<void> {
    await this.ledger.takeWord('publisher', event, (run, at) => modelWithheld(run, at, event.data));
  }

  @OnEvent(StageAttempted)
  async attempted(event: ReceivedEvent<EventData<typeof StageAttempted>>): Promise<void> {
    await this.ledger.takeStep(event, (run) => attempted(run, event.data));
  }

  @OnEvent(StageFailed)
  async failed(event: ReceivedEvent<EventData<typeof StageFailed>>): Promise<void> {
    await this.ledger.takeWord(event.data.stage, event, (run, at) => stageFailed(run, at, event.data));
  }
}
