import type { StageName } from '@anneal/contracts';
import type { RunRecord } from '../../runs/run.record.js';
import type { NewJobEvent } from './job.event.table.js';

const begins: Record<StageName, string> = {
  dataset: 'Validating the training file',
  trainer: 'Fine-tuning job started',
  merger: 'Merging adapter and base model',
  evaluator: 'Measuring base against tuned model',
  publisher: 'Publishing the model',
};

/** What a change of a run means to those who follow its job, in sentences. */
export function storyOf(before: RunRecord, run: RunRecord): NewJobEvent[] {
  const told: NewJobEvent[] = [];
  const tell = (message: string, level: NewJobEvent['level'] = 'info'): void => void told.push({ level, message });
  for (const { stage, state } of run.stages) {
    const was = before.stages.find((other) => other.stage === stage)?.state;
    if (state === was) continue;
    if (state === 'running') tell(begins[stage]);
    if (state === 'succeeded' && stage === 'dataset') tell('Files validated, moving job to queued state');
    if (state === 'succeeded' && stage === 'evaluator' && run.verdictReason !== undefined) tell(run.verdictReason);
  }
  if (run.state !== before.state) tellState(run, tell);
  return told;
}

function tellState(run: RunRecord, tell: (message: string, level?: NewJobEvent['level']) => void): void {
  switch (run.state) {
    case 'paused':
      return tell('The job is paused; it keeps its last checkpoint');
    case 'running':
      return tell('The job goes on');
    case 'cancelled':
      return tell('The job was cancelled', 'warn');
    case 'failed':
      return tell(run.failure ? `${run.failure.message} ${run.failure.remedy}` : 'The job failed', 'error');
    case 'succeeded':
      return run.publishedTo === undefined
        ? tell(`The model was not published, by the rule "${run.withheldBy ?? 'unknown'}"`, 'warn')
        : tell('New fine-tuned model created');
    case 'rejected':
      return undefined;
  }
}
