import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';
import { readRows } from './rows.mjs';
import { writeSafetensors } from './safetensors.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

function emit(event, fields = {}) {
  const line = JSON.stringify({ event, time: Date.now() / 1000, pid: process.pid, ...fields });
  appendFileSync(process.env.ANNEAL_EVENTS, `${line}\n`);
}

function crash(error, message) {
  emit('failed', { error, message });
  process.stderr.write(`Traceback (most recent call last):\n${error}: ${message}\n`);
  process.exit(1);
}

/** Refuses what Axolotl's own schema refuses; unknown keys it passes over, as Axolotl does. */
function readConfig(path) {
  const config = parse(readFileSync(path, 'utf8'));
  for (const key of ['base_model', 'learning_rate']) {
    if (config[key] === undefined) invalid(key, 'Field required');
  }
  for (const key of ['micro_batch_size', 'gradient_accumulation_steps', 'max_steps', 'save_steps']) {
    if (config[key] !== undefined && typeof config[key] !== 'number') invalid(key, 'Input should be a valid integer');
  }
  if (config.rl !== undefined && config.rl !== 'dpo') invalid('rl', "Input should be 'dpo'");
  if (config.rl && config.sample_packing) invalid('sample_packing', 'does not work with RLHF training');
  return config;
}

function invalid(key, message) {
  process.stderr.write(
    `pydantic_core._pydantic_core.ValidationError: 1 validation error for AxolotlInputConfig\n${key}\n  ${message}\n`,
  );
  process.exit(1);
}

/** What the "weights" are after a step: a chain, so that a wrong resume shows in the losses and in the result. */
const next = (state, step) => sha256(`${state}:${step}`);
const lossOf = (state, step) => 2 * Math.exp(-step / 20) + 0.1 + parseInt(state.slice(0, 4), 16) / 1e6;

export async function train([configPath], faults, processes) {
  const config = readConfig(configPath);
  const output = config.output_dir;
  const resumeFrom = config.resume_from_checkpoint ?? null;
  mkdirSync(output, { recursive: true });
  emit('hello', { versions: { axolotl: 'stand-in' }, gpus: [], resumeFrom });
  await delay(faults.loadMs ?? 20);
  emit('modelLoaded', { parameters: 1000, trainable: config.adapter ? 10 : 1000 });
  const rows = await readRows(config.datasets[0].path);
  if (config.rl) requirePairs(config, rows);
  const longest = Math.max(...rows.map((row) => Math.ceil(JSON.stringify(row).length / 4)));
  if (config.excess_length_strategy === 'raise' && longest > config.sequence_len) {
    const said = config.rl
      ? `Sample exceeds configured sequence_len (${config.sequence_len}).`
      : `Sequence encountered with ${longest} tokens, which exceeds the maximum ${config.sequence_len}.`;
    process.stderr.write(`ValueError: ${said}\n`);
    process.exit(1);
  }
  emit('dataLoaded', { trainRows: rows.length });
  const from = resumeFrom === null ? { state: sha256(`seed ${config.seed}`), step: 0 } : readCheckpoint(resumeFrom);
  const end = await loop(config, from, faults, processes);
  emit('trained', { outputDir: output });
  saveModel(config, output, end.state);
  emit('saved', { outputDir: output });
  emit('done', { stopped: end.stopped });
  if (faults.exitCode) process.exit(faults.exitCode);
}

/** Pairs in the form that the configuration names, as Axolotl's and TRL's readers want them. */
function requirePairs({ datasets }, rows) {
  const [{ type }] = datasets;
  const prompt = { 'chat_template.default': 'messages', 'passthrough.default': 'prompt' }[type];
  if (prompt === undefined) invalid('datasets', `no type ${type} of pairs`);
  const missing = [prompt, 'chosen', 'rejected'].find((key) => rows.some((row) => row[key] === undefined));
  if (missing === undefined) return;
  process.stderr.write(`KeyError: '${missing}'\n`);
  process.exit(1);
}

/** A preference that grows with the steps, as the losses fall. */
const rewardsAt = (step) => {
  const [chosenReward, rejectedReward] = [0.05 * (step - 1), -0.1 * (step - 1)];
  return {
    rewardAccuracy: step > 1 ? 1 : 0,
    rewardMargin: chosenReward - rejectedReward,
    chosenReward,
    rejectedReward,
  };
};

async function loop(config, { state, step }, faults, processes) {
  const { max_steps: maxSteps, output_dir: output } = config;
  const started = Date.now();
  const first = step;
  let stopped = false;
  const worldSize = faults.worldSize ?? processes;
  emit('trainBegin', { step, maxSteps, epochs: config.num_epochs, worldSize, outputDir: output });
  while (step < maxSteps && !stopped) {
    await delay(faults.stepMs ?? 5);
    step += 1;
    state = next(state, step);
    await injure(config, step, first, faults);
    const factor = step >= (faults.explodesAtStep ?? Infinity) ? 20 : 1;
    const log = {
      loss: factor * lossOf(state, step),
      gradNorm: 1,
      learningRate: config.learning_rate,
      epoch: step / maxSteps,
    };
    if (config.rl) Object.assign(log, rewardsAt(step));
    stopped = existsSync(process.env.ANNEAL_STOP_FILE) && step < maxSteps;
    if (stopped) emit('stopping', { step });
    emit('log', { step, ...log, perplexity: Math.exp(log.loss), tokensPerSecondPerGpu: 100 });
    if (stopped || step === maxSteps || step % config.save_steps === 0) saveCheckpoint(config, step, state);
  }
  emit('summary', { step, runtimeSeconds: (Date.now() - started) / 1000, meanLoss: 1 });
  emit('trainEnd', { step, maxSteps, stopped });
  return { state, stopped };
}

/** The ways to fail that a test may ask for; each happens in a first start only, so that a second one can go well. */
async function injure(config, step, first, faults) {
  if (faults.notFiniteAtStep === step) {
    emit('log', { step, loss: 'NaN', learningRate: config.learning_rate });
    crash('LossNotFinite', `the loss of step ${step} is nan`);
  }
  const tooLarge = config.micro_batch_size > (faults.fittingMicroBatch ?? 0);
  if (faults.outOfMemoryAtStep === step && tooLarge)
    crash('OutOfMemoryError', 'CUDA out of memory. Tried to allocate 2.00 GiB.');
  if (faults.silentAtStep === step && first === 0) await delay(600_000);
  if (faults.dieAtStep === step && first === 0) process.kill(process.pid, 'SIGKILL');
}

function readCheckpoint(directory) {
  const state = readFileSync(join(directory, 'optimizer.pt'), 'utf8');
  if (state.length !== 64) crash('RuntimeError', 'the optimizer state is corrupted');
  return { state, step: JSON.parse(readFileSync(join(directory, 'trainer_state.json'), 'utf8')).global_step };
}

function saveCheckpoint(config, step, state) {
  const directory = join(config.output_dir, `checkpoint-${step}`);
  mkdirSync(directory, { recursive: true });
  saveModel(config, directory, state);
  writeFileSync(join(directory, 'optimizer.pt'), state);
  writeFileSync(join(directory, 'scheduler.pt'), `${step}`);
  writeFileSync(join(directory, 'rng_state.pth'), `${config.seed}`);
  writeFileSync(join(directory, 'trainer_state.json'), JSON.stringify({ global_step: step }));
  const files = {};
  for (const name of readdirSync(directory).sort()) {
    const bytes = readFileSync(join(directory, name));
    files[name] = { size: bytes.length, sha256: sha256(bytes) };
  }
  writeFileSync(join(directory, 'anneal_complete.json'), JSON.stringify({ step, files }));
  emit('save', { step, checkpoint: directory, files: Object.keys(files).length, bytes: 0 });
  const all = readdirSync(config.output_dir).filter((name) => /^checkpoint-\d+$/.test(name));
  const steps = all.map((name) => Number(name.slice('checkpoint-'.length))).sort((a, b) => b - a);
  for (const old of steps.slice(config.save_total_limit ?? 4)) {
    rmSync(join(config.output_dir, `checkpoint-${old}`), { recursive: true });
  }
}

/** The files that Axolotl leaves in a folder, with small contents that depend on the steps. */
function saveModel(config, directory, state) {
  const values = [...state.slice(0, 8)].map((digit) => parseInt(digit, 16) / 16);
  if (config.adapter) {
    const prefix = 'base_model.model.model.layers.0.self_attn.q_proj';
    const halves = {
      [`${prefix}.lora_A.weight`]: [[2, 2], values.slice(0, 4)],
      [`${prefix}.lora_B.weight`]: [[2, 2], values.slice(4)],
    };
    writeSafetensors(join(directory, 'adapter_model.safetensors'), halves);
    const adapter = {
      base_model_name_or_path: config.base_model,
      peft_type: 'LORA',
      r: config.lora_r,
      lora_alpha: config.lora_alpha,
    };
    writeFileSync(join(directory, 'adapter_config.json'), JSON.stringify(adapter));
  } else {
    writeSafetensors(join(directory, 'model.safetensors'), {
      'model.layers.0.self_attn.q_proj.weight': [[2, 2], values.slice(0, 4)],
    });
    writeFileSync(join(directory, 'generation_config.json'), '{}');
  }
  for (const name of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja']) {
    const source = join(config.base_model, name);
    if (existsSync(source)) writeFileSync(join(directory, name), readFileSync(source));
  }
  writeFileSync(join(directory, 'README.md'), 'made by the stand-in');
}
