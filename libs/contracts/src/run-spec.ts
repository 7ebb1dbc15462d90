import { z } from 'zod';
import { furtherKeysShape, whyDangerous } from './further-keys.js';
import {
  dpoShape,
  refuseContradictions,
  refuseOtherColumns,
  spellOut,
  trainingObjective,
} from './training-objective.js';

const printable = /^[^\p{Cc}]+$/u;
const text = (max: number) => z.string().min(1).max(max).regex(printable, 'no control characters');

export const runId = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}$/,
    'an id has 1 to 63 characters of a-z, 0-9 and -, and starts with a letter or digit',
  )
  .describe('Names the run everywhere. A second request with the same id starts nothing.');
export const runName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/,
    'a name has 1 to 63 characters of a-z, 0-9, ".", "_" and -, and starts with a letter or digit',
  );

const hubId = '[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*';

export const modelReference = z
  .string()
  .max(1000)
  .regex(printable)
  .regex(
    new RegExp(`^(file:.+|registry:[a-z0-9][a-z0-9._-]*(:[A-Za-z0-9][A-Za-z0-9._-]*)?|(hub:)?${hubId})$`),
    'a model is a Hub id (owner/name), file:DIRECTORY or registry:NAME[:TAG]',
  )
  .describe('Hub id, file:DIRECTORY, or registry:NAME[:TAG] of a model published here.');

export const dataSource = z
  .string()
  .max(1000)
  .regex(printable)
  .regex(
    new RegExp(
      `^(file:.+|artifact:[0-9a-f]{64}|https://[^\\s/]+/.*|s3:(//)?[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.*|(hub:)?${hubId})$`,
    ),
    'a dataset is a Hub id (owner/name), file:PATH, https://HOST/PATH, s3:BUCKET/KEY or artifact:DIGEST',
  )
  .describe(
    'Hub id; file:PATH of a file or folder; https://HOST/PATH of a file; s3:BUCKET/KEY of an object, or of all below a prefix; or artifact:DIGEST of files that are stored already, by the SHA-256 of their manifest. Files are .parquet, .jsonl, .json, .csv or .tsv, the text ones also as .gz, .zst, .bz2 or .xz.',
  );

export const publishTarget = z
  .string()
  .max(300)
  .regex(
    new RegExp(`^(registry:[a-z0-9][a-z0-9._-]*(:[A-Za-z0-9][A-Za-z0-9._-]*)?|hub:${hubId})$`),
    'a target is registry:NAME[:TAG] or hub:OWNER/NAME',
  );

const secretReference = z.string().regex(/^env:[A-Z][A-Z0-9_]*$/, 'a secret is named as env:VARIABLE');

const modelShape = {
  base: modelReference,
  revision: text(200).default('main').describe('Branch, tag or commit of a Hub model.'),
};

const datasetShape = {
  source: dataSource,
  config: text(200).optional().describe('Configuration of a Hub dataset, or folder of one, that has several.'),
  split: text(200).default('train').describe('Split of a Hub dataset, or of a folder of files that are named by it.'),
  revision: text(200).default('main').describe('Branch, tag or commit of a Hub dataset.'),
  tokenRef: secretReference
    .optional()
    .describe('Where the dataset service finds the token for a gated or private Hub dataset; never the token.'),
  columns: z
    .partialRecord(
      z.enum(['messages', 'tools', 'question', 'input', 'answer', 'system', 'text', 'prompt', 'chosen', 'rejected']),
      text(200),
    )
    .optional()
    .describe(
      'Which column of the source holds what: messages (with tools), question (with an input) and answer, or plain text; of preference pairs prompt, chosen and rejected.',
    ),
  system: z.string().min(1).max(20_000).optional().describe('System prompt put before every row that has none.'),
  heldOut: z
    .number()
    .min(0)
    .max(0.5)
    .default(0.1)
    .describe('Share of rows held out from training, at most 200 rows; used when a benchmark is "held-out".'),
  heldOutFrom: dataSource
    .optional()
    .describe(
      'Source whose rows are held out instead of a share of the other one: at most 200 of them, those with the smallest digests. Rows to train on that occur anywhere in it are dropped. Used, in place of heldOut, when a benchmark is "held-out"; config, split, revision, columns and system say the same about it as about source.',
    ),
  limit: z.int().min(1).optional().describe('Take only the first rows of source.'),
  mostBadRows: z
    .number()
    .min(0)
    .default(0.01)
    .describe('Rows that may be unusable, and are dropped: below 1 a share of all rows, else a number of them.'),
  nearDuplicates: z
    .number()
    .min(0.5)
    .max(1)
    .default(0.75)
    .describe(
      'Similarity from which a row is a near duplicate of an earlier one and is dropped; 1 drops exact ones only.',
    ),
  decontamination: z
    .enum(['remove', 'flag', 'off'])
    .default('remove')
    .describe('What happens to rows that hold a question of a benchmark of this run.'),
  decontaminationWords: z
    .int()
    .min(5)
    .max(50)
    .default(13)
    .describe(
      'Words running that a row and a question share when the row counts as contaminated; at most ten in a text of up to forty words.',
    ),
};

const loraShape = {
  rank: z.int().min(1).max(512).default(16),
  alpha: z.int().min(1).max(1024).default(32),
  dropout: z.number().min(0).max(0.9).default(0),
};

const trainingShape = {
  method: z
    .enum(['lora', 'qlora', 'full'], {
      error: ({ input }) =>
        input === 'dpo' ? '"dpo" is short for lora with objective dpo, and the objective says otherwise' : undefined,
    })
    .describe('Which weights are trained. "dpo" is taken, too: it is short for lora with objective dpo.'),
  objective: trainingObjective
    .default('sft')
    .describe(
      'sft learns the answers of the rows; dpo learns from pairs to prefer the chosen answer to the rejected one.',
    ),
  strategy: z
    .enum(['auto', 'single', 'ddp', 'fsdp', 'deepspeed', 'zero1', 'zero2', 'zero3'])
    .default('auto')
    .describe(
      'How several GPUs share the work; auto takes the cheapest that fits. zero1 to zero3 are the stages of DeepSpeed, and deepspeed is zero2.',
    ),
  gpus: z.int().min(0).max(8).optional().describe('How many GPUs; all of the host when left out; 0 is the CPU.'),
  epochs: z.number().positive().max(100).default(1),
  maxSteps: z.int().min(1).optional().describe('Ends the training early, counted in optimizer steps.'),
  learningRate: z.number().positive().max(1).optional(),
  scheduler: z.enum(['cosine', 'linear', 'constant']).default('cosine'),
  warmupSteps: z.int().min(0).optional(),
  microBatch: z.int().min(1).max(1024).optional().describe('Rows a process takes at once.'),
  gradientAccumulation: z.int().min(1).max(1024).optional(),
  sequenceLength: z.int().min(16).max(1_048_576).optional().describe('Tokens; longer rows are dropped and counted.'),
  checkpointEvery: z.int().min(1).optional().describe('Optimizer steps between two checkpoints.'),
  prompt: z
    .enum(['chat', 'load-qa'])
    .default('chat')
    .describe('How a row becomes text: the chat template, or alpaca_chat.load_qa.'),
  seed: z.int().min(0).max(2_147_483_647).default(42),
  priority: z
    .int()
    .min(-10)
    .max(10)
    .default(0)
    .describe(
      'Among the trainings that wait for the same host: the higher, the sooner. Each hour of waiting adds one.',
    ),
  maxHours: z
    .number()
    .positive()
    .max(8760)
    .optional()
    .describe('Ends the training with a checkpoint after that time. With it, a training may start earlier, in a gap.'),
  samplePacking: z
    .boolean()
    .default(false)
    .describe('Fills every sequence with several rows: faster where rows are short, with fewer optimizer steps.'),
  gradientCheckpointing: z
    .boolean()
    .optional()
    .describe('Computes activations twice instead of keeping them; on a GPU when left out, not on the CPU.'),
  optimizer: z
    .enum(['adamw', 'adamw_8bit', 'paged_adamw_8bit', 'adafactor'])
    .default('adamw')
    .describe('The 8-bit ones keep their states in a quarter of the memory and need a GPU.'),
  force: z.boolean().default(false).describe('Trains although the estimate says that the memory will not suffice.'),
};

const earlyStoppingShape = {
  patience: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe('Checkpoints in a row without a lower loss before the training ends.'),
  share: z.number().min(0.001).max(0.5).default(0.05).describe('Share of the training rows that the loss is taken of.'),
};

const scoring = z
  .enum(['exact', 'normalised', 'regex', 'json', 'number', 'choice', 'lm-eval:exact_match'], {
    // Nothing leaves the usual message, which lists what there is.
    error: ({ input }) =>
      typeof input === 'string' && input.startsWith('lm-eval:')
        ? "of lm-eval's metrics there is lm-eval:exact_match; those over all answers together (bleu, chrf, chrf++, ter, f1, mcc, perplexity, ...) say of no single answer whether it is right, so nothing can be compared in pairs"
        : undefined,
  })
  .describe('How an answer is compared with the expected one.');
const answerTokens = z.int().min(1).max(8192).default(64).describe('Tokens an answer may have.');
/** What every benchmark has, whatever it asks. */
const benchmarkShape = {
  limit: z
    .int()
    .min(1)
    .optional()
    .describe('Ask only so many items: a seeded choice, with the same share of each subject.'),
  seed: z.int().min(0).max(2_147_483_647).default(42).describe('Of the choice that limit makes.'),
  guard: z.boolean().default(false).describe('It must not get worse; getting better here is no reason to publish.'),
  margin: z
    .number()
    .positive()
    .max(1)
    .optional()
    .describe(
      'Of a guard: the loss of accuracy that is put up with; that it was no larger has to be shown. Without it, a loss that counts breaks the guard.',
    ),
};
const numberTolerance = {
  tolerance: z
    .number()
    .min(0)
    .optional()
    .describe('With score number: by how much the answer may differ; 0 when left out.'),
  relativeTolerance: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe('With score number: by which share of the expected number the answer may differ; 0 when left out.'),
};
const ignored = {
  ignore: z
    .array(z.enum(['case', 'punctuation', 'numbers']))
    .min(1)
    .max(3)
    .optional()
    .describe('With score lm-eval:exact_match: what makes no difference; punctuation and numbers are those of ASCII.'),
};
const heldOutShape = {
  name: z.literal('held-out'),
  score: scoring.default('normalised'),
  ...numberTolerance,
  ...ignored,
  ...benchmarkShape,
  answerTokens,
};
const ownSetShape = {
  name: z.literal('own-set'),
  source: z
    .string()
    .max(1000)
    .regex(/^(file:.+|artifact:[0-9a-f]{64})$/, 'an own set is file:PATH of a .jsonl file, or artifact:DIGEST')
    .describe('file:PATH of a .jsonl file, or artifact:DIGEST of .jsonl files that are stored already.'),
  score: scoring.default('normalised'),
  ...numberTolerance,
  ...ignored,
  ...benchmarkShape,
  answerTokens,
};
const mmluProShape = {
  name: z.literal('mmlu-pro'),
  source: z
    .string()
    .max(1000)
    .regex(printable)
    .regex(
      new RegExp(`^(file:.+|artifact:[0-9a-f]{64}|(hub:)?${hubId})$`),
      'MMLU-Pro comes from a Hub id (owner/name), file:DIRECTORY or artifact:DIGEST',
    )
    .default('TIGER-Lab/MMLU-Pro')
    .describe('Hub id, file:DIRECTORY or artifact:DIGEST with test and validation files.'),
  revision: text(200).default('main').describe('Branch, tag or commit of the Hub dataset.'),
  subjects: z.array(text(60)).min(1).max(100).optional().describe('All of them when left out.'),
  prompt: z
    .enum(['completion', 'chat'])
    .default('completion')
    .describe(
      "The text of the benchmark's own script, to be continued; or the same questions and examples as a conversation for the model's chat template.",
    ),
  ...benchmarkShape,
  answerTokens: z.int().min(1).max(8192).default(2048),
};

const lmEvalShape = {
  name: z.literal('lm-eval'),
  task: z
    .string()
    .max(200)
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.()-]*$/, 'a task is a name of lm-eval, like arc_easy')
    .describe(
      'Name of a task, a group or a tag of lm-eval, or of one that the evaluator was given (LM_EVAL_TASKS); never a path.',
    ),
  shots: z
    .int()
    .min(0)
    .max(100)
    .optional()
    .describe("Examples before each question; the task's own number when left out."),
  metric: z
    .string()
    .max(100)
    .regex(/^[A-Za-z][A-Za-z0-9_@.+-]*$/, 'a metric is a name, like acc_norm')
    .optional()
    .describe('Metric of the task that says of each item whether it is right; exact_match or acc when left out.'),
  prompt: z
    .enum(['completion', 'chat'])
    .default('completion')
    .describe(
      "A text to be continued; or a conversation for the model's chat template (apply_chat_template of lm-eval).",
    ),
  multiturn: z
    .boolean()
    .optional()
    .describe(
      'With prompt chat: whether each example is a turn of its own, as when left out, or all are in one (fewshot_as_multiturn of lm-eval).',
    ),
  system: z
    .string()
    .min(1)
    .max(20_000)
    .optional()
    .describe('Instruction before everything else (system_instruction of lm-eval).'),
  ...benchmarkShape,
};

const policyShape = {
  alpha: z
    .number()
    .positive()
    .max(0.5)
    .default(0.05)
    .describe('A difference counts when the paired test says p below this.'),
  minimumEffect: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe('Accuracy that has to be gained, beside a difference that counts: 0.01 is one point.'),
};

const publishShape = {
  when: z.enum(['improved', 'always', 'never']).default('improved'),
  to: publishTarget
    .optional()
    .describe('registry:NAME[:TAG] or hub:OWNER/NAME; registry:<name of the run> when left out.'),
  private: z.boolean().default(true),
  tokenRef: secretReference.optional().describe('Where the publisher finds the token; never the token.'),
};

const trainingFields = {
  ...trainingShape,
  lora: z.strictObject(loraShape).optional(),
  dpo: z.strictObject(dpoShape).optional(),
  earlyStopping: z
    .strictObject(earlyStoppingShape)
    .optional()
    .describe('Ends the training when the loss falls no more, and keeps the best checkpoint.'),
  axolotl: z.strictObject(furtherKeysShape).optional().describe('Further keys of Axolotl, as they are.'),
};
/** The section of a RunSpec that says how a model is trained, field by field. */
export const trainingSection = z.strictObject(trainingFields).superRefine(refuseContradictions);

const evaluation = z.strictObject({
  benchmarks: z
    .array(
      z.discriminatedUnion('name', [
        z.strictObject(heldOutShape),
        z.strictObject(ownSetShape),
        z.strictObject(mmluProShape),
        z.strictObject(lmEvalShape),
      ]),
    )
    .min(1)
    .max(10)
    .refine((all) => all.some(({ guard }) => !guard), 'at least one benchmark has to be no guard')
    .refine((all) => all.every(({ guard, margin }) => guard || margin === undefined), 'margin is for a guard only')
    .refine(
      (all) => all.every((one) => one.name !== 'lm-eval' || one.prompt === 'chat' || one.multiturn === undefined),
      'multiturn is for prompt chat only',
    )
    .default([{ name: 'held-out', score: 'normalised', answerTokens: 64, seed: 42, guard: false }]),
  policy: z.strictObject(policyShape).prefault({}),
});

/**
 * What a team asks for. Strict: an unknown field is an error, since a misspelt one would silently do nothing. The
 * complete Axolotl configuration is rendered from it by the trainer.
 */
export const runSpec = z
  .strictObject({
    version: z.literal(1).default(1),
    id: runId.optional(),
    name: runName.optional(),
    model: z.strictObject(modelShape),
    dataset: z.strictObject(datasetShape),
    training: z.preprocess(spellOut, trainingSection),
    evaluation: evaluation.prefault({}),
    publish: z.strictObject(publishShape).prefault({}),
  })
  .superRefine(refuseOtherColumns)
  .meta({ id: 'RunSpec' });
export type RunSpec = z.infer<typeof runSpec>;
export type RunSpecInput = Omit<z.input<typeof runSpec>, 'training'> & { training: z.input<typeof trainingSection> };
export type Benchmark = RunSpec['evaluation']['benchmarks'][number];
export type HeldOutBenchmark = Extract<Benchmark, { name: 'held-out' }>;
export type OwnSetBenchmark = Extract<Benchmark, { name: 'own-set' }>;
export type MmluProBenchmark = Extract<Benchmark, { name: 'mmlu-pro' }>;
export type LmEvalBenchmark = Extract<Benchmark, { name: 'lm-eval' }>;

/**
 * The RunSpec as it travels inside events: the same fields, but a reader passes over the ones that a later version may
 * have added.
 */
export const carriedRunSpec = z.object({
  version: z.literal(1),
  id: runId,
  name: runName,
  model: z.object(modelShape),
  dataset: z.object(datasetShape),
  training: z.object({
    ...trainingShape,
    lora: z.object(loraShape).optional(),
    dpo: z.object(dpoShape).optional(),
    earlyStopping: z.object(earlyStoppingShape).optional(),
    axolotl: z.object(furtherKeysShape).optional(),
  }),
  evaluation: z.object({
    benchmarks: z.array(
      z.discriminatedUnion('name', [
        z.object(heldOutShape),
        z.object(ownSetShape),
        z.object(mmluProShape),
        z.object(lmEvalShape),
      ]),
    ),
    policy: z.object(policyShape),
  }),
  publish: z.object(publishShape),
});
/** A RunSpec whose id and name are settled. */
export type AcceptedRunSpec = z.infer<typeof carriedRunSpec>;

/** Gives a RunSpec its id and its name; the name falls back to the base model's last part and the id. */
export function acceptRunSpec(spec: RunSpec, id: string): AcceptedRunSpec {
  const baseName = (spec.model.base.split(/[/:]/).filter(Boolean).at(-1) ?? 'model')
    .toLowerCase()
    .replace(/[^a-z0-9._-]/g, '-');
  const fallback =
    `${baseName.replace(/^[^a-z0-9]+/, '') || 'model'}`.slice(0, 63 - 9) + `-${id.replaceAll('-', '').slice(-8)}`;
  return { ...spec, id, name: spec.name ?? fallback };
}

/** One thing that is wrong with a RunSpec: the dotted field and a sentence. */
export const specProblem = z.object({ field: z.string(), message: z.string() }).meta({ id: 'SpecProblem' });
export type SpecProblem = z.infer<typeof specProblem>;

/** A RunSpec travels in every event of its run, together with what the stages add to it. */
const largestBytes = 64 * 1024;

/** Checks a RunSpec; the problems name every field at fault, not only the first. */
export function parseRunSpec(input: unknown): { ok: true; spec: RunSpec } | { ok: false; problems: SpecProblem[] } {
  const result = runSpec.safeParse(input);
  if (!result.success) return { ok: false, problems: result.error.issues.map(toProblem) };
  if (new TextEncoder().encode(JSON.stringify(result.data)).length > largestBytes)
    return { ok: false, problems: [{ field: '(whole)', message: `a RunSpec has at most ${largestBytes} bytes` }] };
  return { ok: true, spec: result.data };
}

function toProblem(issue: z.core.$ZodIssue): SpecProblem {
  const field = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const first = issue.keys[0] ?? '';
    if (field === 'training.axolotl') return refusedKey(issue.keys);
    return {
      field: field ? `${field}.${first}` : first,
      message:
        issue.keys.length === 1
          ? 'is not a field of a RunSpec'
          : `these are not fields of a RunSpec: ${issue.keys.join(', ')}`,
    };
  }
  return { field: field || '(whole)', message: issue.message };
}

/** The dangerous ones come first: what they would do is said, not only that they are on no list. */
function refusedKey(keys: readonly string[]): SpecProblem {
  const key = keys.find((name) => whyDangerous(name) !== undefined) ?? keys[0] ?? '';
  const reason = whyDangerous(key);
  const allowed = `allowed are ${Object.keys(furtherKeysShape).join(', ')}`;
  return {
    field: `training.axolotl.${key}`,
    message: reason === undefined ? `is not a key that a RunSpec may set; ${allowed}` : `is refused: ${reason}`,
  };
}
