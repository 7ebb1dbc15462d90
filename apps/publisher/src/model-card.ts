import type { BenchmarkResult, EvaluationAlarm } from '@anneal/contracts';
import { stringify } from 'yaml';
import type { PublishInput } from './publish.input.js';

const points = (share: number): string => `${share >= 0 ? '+' : ''}${(share * 100).toFixed(1)}`;
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** The README of a published model: what it is, what it was made from, how it was measured. Nothing from the host. */
export function modelCard(runId: string, input: PublishInput): string {
  const { spec, dataset, training, merge, evaluation } = input;
  const onHub = !/^(file|registry):/.test(spec.model.base);
  const frontMatter = stringify({
    ...(onHub ? { base_model: spec.model.base.replace(/^hub:/, '') } : {}),
    library_name: 'transformers',
    pipeline_tag: 'text-generation',
    tags: ['anneal', training.plan.method, ...(training.plan.dpo ? ['dpo'] : [])],
  });
  const { plan } = training;
  const lora = plan.lora ? `, rank ${plan.lora.rank}, alpha ${plan.lora.alpha}, dropout ${plan.lora.dropout}` : '';
  return `---
${frontMatter}---
# ${spec.name}

Fine-tuned and measured by Anneal, run \`${runId}\`.

## Verdict: ${evaluation.verdict}

${evaluation.reason} Published because \`publish.when\` is \`${spec.publish.when}\`.

| benchmark | items | base | tuned | points | 95 % interval | gained | lost | p |
|---|---|---|---|---|---|---|---|---|
${evaluation.results.map(resultRow).join('\n')}

Base and tuned answered the same items with the same prompts and settings; p is the exact two-sided McNemar test, the
interval a paired bootstrap. The per-item report has digest \`${evaluation.report.digest}\`.
${evaluation.results.map(itemsLeftOut).join('')}${alarmList(evaluation.alarms ?? [])}

## Base model

${displayName(spec.model.base)} at \`${training.base.revision}\`, ${training.base.parameters.toLocaleString('en')} parameters.

## Data

${displayName(dataset.source)}, source digest \`${dataset.sourceDigest}\`: ${dataset.rows.train} rows to train on, ${dataset.rows.heldOut} held out,
${dataset.rows.duplicates} duplicates left out. Stored as \`${dataset.artifact.digest}\`.

## Training

${plan.method}${plan.dpo ? ` by DPO from preference pairs, beta ${plan.dpo.beta}` : ''}${lora}; ${training.steps} steps of ${plan.effectiveBatch} rows, sequence length ${plan.sequenceLength}, learning rate
${plan.learningRate} (${plan.scheduler}), seed ${plan.seed}, ${plan.precision} on ${plan.processes} ${plan.device.toUpperCase()} process(es). Loss ${training.loss.first.toFixed(3)} to
${training.loss.last.toFixed(3)} in ${Math.round(training.seconds)} s. Engine: ${versions(training.engine)}. Configuration: \`${training.planArtifact.digest}\`.

## Merge

${merge.parity.targets} tensors changed, ${merge.parity.untouched} untouched; largest difference in weights ${merge.parity.largestWeightDifference}, in logits
${merge.parity.largestLogitDifference}. These files are, byte for byte, the ones that were evaluated: \`${merge.artifact.digest}\`.
`;
}

function resultRow(result: BenchmarkResult): string {
  const { benchmark, items, base, tuned, difference, interval, gained, lost, pValue, guard } = result;
  const name = guard ? `${benchmark} (guard)` : benchmark;
  const range = interval ? `${points(interval[0])} to ${points(interval[1])}` : '';
  return `| ${name} | ${items} | ${percent(base.accuracy)} | ${percent(tuned.accuracy)} | ${points(difference)} | ${range} | ${gained} | ${lost} | ${pValue.toPrecision(2)} |`;
}

/** Which items of a benchmark the numbers are not about: those outside a sample, and those that could not be asked. */
function itemsLeftOut({ benchmark, items, sampledFrom, base, tuned }: BenchmarkResult): string {
  const sample =
    sampledFrom === undefined
      ? ''
      : `\n${benchmark}: a seeded sample of its ${sampledFrom} items; the interval is that of ${items}.\n`;
  const [ofBase, ofTuned] = [base.failed ?? 0, tuned.failed ?? 0];
  if (ofBase + ofTuned === 0) return sample;
  return `${sample}\n${benchmark}: items that could not be asked are left out, ${ofBase} of the base and ${ofTuned} of the tuned model.\n`;
}

/** What somebody who uses the model should know before trusting the numbers. */
function alarmList(alarms: readonly EvaluationAlarm[]): string {
  if (alarms.length === 0) return '';
  return `\nLook at this first:\n\n${alarms.map(({ message }) => `- ${message}`).join('\n')}\n`;
}

/**
 * Paths of the host on which a run was made are nobody's business: a local reference shows its last part only. What opens
 * an address stays out of it, too: the query of a signed one does.
 */
function displayName(reference: string): string {
  if (URL.canParse(reference) && reference.startsWith('https:')) {
    const { origin, pathname } = new URL(reference);
    return `\`${origin}${pathname}\``;
  }
  return reference.startsWith('file:') ? `the local \`${reference.split('/').at(-1) ?? ''}\`` : `\`${reference}\``;
}

function versions(engine: Record<string, string>): string {
  return Object.entries(engine)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
}
