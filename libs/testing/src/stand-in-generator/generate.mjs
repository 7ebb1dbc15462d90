// Stands in for `python -m anneal_engine.generate` in tests: the same command line, files and exit statuses, without torch.
// A model folder knows its answers: answers.json maps the last text of a prompt to the answer; anything else is echoed.
// Switches are in the folder that ANNEAL_STAND_IN names: faults.json {batchMs, dieAfter}; asked.jsonl notes every asking.
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const badInput = 3;

function fail(message, status = badInput) {
  process.stderr.write(`${message}\n`);
  process.exit(status);
}

function readOptions(args) {
  const options = { stop: [], 'batch-size': '8', 'max-new-tokens': '64' };
  for (const arg of args) {
    const [, name, value] = /^--([\w-]+)=(.*)$/s.exec(arg) ?? fail(`unknown argument ${arg}`, 2);
    if (name === 'stop') options.stop.push(value);
    else options[name] = value;
  }
  return options;
}

function readItems(path) {
  const items = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line));
  const broken = items.findIndex(
    ({ id, prompt, messages }) => typeof id !== 'string' || (prompt === undefined) === (messages === undefined),
  );
  if (broken >= 0) fail(`Line ${broken + 1} of ${path} is no object with a text id and either prompt or messages.`);
  return items;
}

/** Ids that are answered already; a last line that a kill cut short is removed. */
function readFinished(path) {
  if (!existsSync(path)) return new Set();
  const bytes = readFileSync(path);
  const whole = bytes.lastIndexOf(10) + 1;
  if (whole < bytes.length) truncateSync(path, whole);
  const lines = bytes.toString('utf8', 0, whole).split('\n').filter(Boolean);
  return new Set(lines.map((line) => JSON.parse(line).id));
}

function answerTo(item, known, options) {
  const question = item.prompt ?? item.messages.at(-1).content;
  const words = (known[question] ?? question).split(' ');
  const limit = Number(options['max-new-tokens']);
  const text = words.slice(0, limit).join(' ');
  const places = options.stop.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
  const stopped = places.length > 0 || words.length <= limit;
  return {
    id: item.id,
    text: places.length > 0 ? text.slice(0, Math.min(...places)) : text,
    finish: stopped ? 'stop' : 'length',
    promptTokens: question.split(' ').length,
    tokens: Math.min(words.length, limit),
    seconds: 0.001,
  };
}

async function generate(args) {
  const options = readOptions(args);
  if (!existsSync(join(options.model, 'config.json'))) fail(`There is no model at ${options.model}: no config.json.`);
  const items = readItems(options.input);
  const before = readFinished(options.output);
  const missing = items.filter(({ id }) => !before.has(id));
  const folder = process.env.ANNEAL_STAND_IN;
  const faults = JSON.parse(readFileSync(join(folder, 'faults.json'), 'utf8'));
  const answers = join(options.model, 'answers.json');
  const known = existsSync(answers) ? JSON.parse(readFileSync(answers, 'utf8')) : {};
  const size = Number(options['batch-size']);
  for (let start = 0; start < missing.length; start += size) {
    // Only a first start dies: one that goes on is to come to an end.
    if (faults.dieAfter !== undefined && before.size === 0 && start >= faults.dieAfter)
      process.kill(process.pid, 'SIGKILL');
    const batch = missing.slice(start, start + size);
    const asked = batch.map(({ id }) => `${JSON.stringify({ id, model: options.model, pid: process.pid })}\n`);
    appendFileSync(join(folder, 'asked.jsonl'), asked.join(''));
    await pause(faults.batchMs ?? 0);
    appendFileSync(options.output, batch.map((item) => `${JSON.stringify(answerTo(item, known, options))}\n`).join(''));
  }
  const result = { items: items.length, generated: missing.length, skipped: items.length - missing.length };
  process.stdout.write(`${JSON.stringify({ ...result, newTokens: missing.length, seconds: 0 })}\n`);
}

const args = process.argv.slice(2);
if (args[0] !== '-m' || args[1] !== 'anneal_engine.generate')
  fail(`the stand-in has no part for: ${args.join(' ')}`, 2);
await generate(args.slice(2));
