// Stands in for `vllm serve` in tests: the same command line and the same answers over HTTP, without a model in memory.
// A model folder knows its answers: answers.json maps the last text of a prompt to the answer; anything else is echoed.
// Switches are in the folder that ANNEAL_STAND_IN names: faults.json, read at the start; asked.jsonl notes every question.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

function fail(message, status = 1) {
  process.stderr.write(`${message}\n`);
  process.exit(status);
}

const [verb, model, ...flags] = process.argv.slice(2);
if (verb !== 'serve' || model === undefined)
  fail(`the stand-in has no part for: ${process.argv.slice(2).join(' ')}`, 2);
const options = Object.fromEntries(
  flags.map((flag) => /^--([\w-]+)=(.*)$/s.exec(flag)?.slice(1) ?? fail(`unknown argument ${flag}`, 2)),
);
if (!existsSync(join(model, 'config.json')))
  fail(`OSError: ${model} does not appear to have a file named config.json.`);

const name = options['served-model-name'] ?? model;
const folder = process.env.ANNEAL_STAND_IN;
const faults = JSON.parse(readFileSync(join(folder, 'faults.json'), 'utf8'));
const log = join(folder, 'asked.jsonl');
const before = existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean).length : 0;
const answers = existsSync(join(model, 'answers.json'))
  ? JSON.parse(readFileSync(join(model, 'answers.json'), 'utf8'))
  : {};
const readyAt = Date.now() + (faults.loadMs ?? 0);
let served = 0;
let hangs = false;

const error = (code, message) => ({ code, body: { error: { message, type: 'BadRequestError', code } } });

function complete(chat, { model: asked, prompt, messages, max_tokens: limit = 16, stop = [] }) {
  if (asked !== name) return error(404, `The model \`${asked}\` does not exist.`);
  const question = chat ? messages.at(-1).content : prompt;
  const words = (answers[question] ?? question).split(' ');
  if (question.split(' ').length + limit > 2048)
    return error(400, "This model's maximum context length is 2048 tokens.");
  const whole = words.slice(0, limit).join(' ');
  const places = stop.map((text) => whole.indexOf(text)).filter((place) => place >= 0);
  const text = places.length > 0 ? whole.slice(0, Math.min(...places)) : whole;
  const finish_reason = places.length > 0 || words.length <= limit ? 'stop' : 'length';
  const said = chat ? { message: { role: 'assistant', content: text } } : { text };
  const tokens = Math.min(words.length, limit);
  const usage = { prompt_tokens: question.split(' ').length, completion_tokens: tokens };
  return {
    code: 200,
    body: {
      id: 'cmpl-1',
      object: 'text_completion',
      model: name,
      choices: [{ index: 0, ...said, finish_reason }],
      usage,
    },
  };
}

function reply(url, body) {
  if (url === '/health') return { code: 200, body: '' };
  if (url === '/version') return { code: 200, body: { version: '0.0.0-stand-in' } };
  if (url === '/v1/models') return { code: 200, body: { object: 'list', data: [{ id: name, object: 'model' }] } };
  if (url !== '/v1/completions' && url !== '/v1/chat/completions') return { code: 404, body: { detail: 'Not Found' } };
  const chat = url === '/v1/chat/completions';
  appendFileSync(
    log,
    `${JSON.stringify({ id: chat ? body.messages.at(-1).content : body.prompt, model: body.model, pid: process.pid })}\n`,
  );
  served += 1;
  // Only a first start has these faults: the one after it is to come to an end.
  if (before === 0 && faults.crashAfter !== undefined && served > faults.crashAfter)
    process.kill(process.pid, 'SIGKILL');
  if (before === 0 && faults.hangAfter !== undefined && served > faults.hangAfter) hangs = true;
  return complete(chat, body);
}

createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const text = Buffer.concat(parts).toString();
    const { code, body } =
      Date.now() < readyAt ? { code: 503, body: '' } : reply(request.url, text === '' ? {} : JSON.parse(text));
    if (hangs) return;
    const send = () =>
      response.writeHead(code, { 'content-type': 'application/json' }).end(body === '' ? '' : JSON.stringify(body));
    if (request.method === 'POST' && faults.answerMs) setTimeout(send, faults.answerMs);
    else send();
  });
}).listen(Number(options.port), options.host);
