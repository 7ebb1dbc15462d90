import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startProcess, type SupervisedProcess } from '@anneal/compute';
import { vllmCommand, vllmProcessEnv } from '@anneal/engine';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeStandInVllm } from './stand-in-vllm.js';

const folder = mkdtempSync(join(tmpdir(), 'anneal-vllm-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const model = join(folder, 'model');
mkdirSync(model);
writeFileSync(join(model, 'config.json'), '{}');
describeServer('the stand-in', { python: makeStandInVllm(join(folder, 'vllm')).python, model }, 20_000);

const { VLLM_PYTHON: python, VLLM_MODEL: directory } = process.env;
if (python !== undefined && directory !== undefined) describeServer('vLLM', { python, model: directory }, 600_000);
else process.stderr.write('The contract of the real vLLM is not checked: VLLM_PYTHON and VLLM_MODEL are not set.\n');

/** What the evaluator relies on. The real server and its stand-in are both held to it. */
function describeServer(name: string, server: { python: string; model: string }, timeout: number): void {
  describe(`the contract of ${name}`, { timeout }, () => {
    const port = 20_000 + (process.pid % 10_000) + name.length;
    const url = (path: string): string => `http://127.0.0.1:${port}/${path}`;
    const work = join(folder, name);
    const home = join(work, 'home');
    const start = (asked: string, directory: string): Promise<SupervisedProcess> => {
      mkdirSync(home, { recursive: true });
      return startProcess({
        directory,
        identity: { job: 'contract', attempt: 1, token: '1' },
        ...vllmCommand(server, { model: asked, port, gpus: 1 }),
        env: vllmProcessEnv(server, { home, gpus: [0] }),
        cwd: work,
      });
    };
    const post = async (path: string, body: object): Promise<{ status: number; json: unknown }> => {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(url(path), { method: 'POST', headers, body: JSON.stringify(body) });
      return { status: response.status, json: await response.json() };
    };
    let running: SupervisedProcess;
    beforeAll(async () => {
      running = await start(server.model, join(work, 'run'));
      while (running.state() !== 'ended') {
        if ((await fetch(url('health')).catch(() => undefined))?.status === 200) return;
        await pause(100);
      }
      throw new Error(await running.tailLog(40));
    }, timeout);
    afterAll(() => running.kill(5_000), 30_000);

    it('knows the model by its folder, and its own version', async () => {
      const models = await (await fetch(url('v1/models'))).json();
      expect(models).toMatchObject({ data: [{ id: server.model }] });
      const version = await (await fetch(url('version'))).json();
      expect(version).toEqual({ version: expect.any(String) as string });
    });

    it('completes a text and says how it ended', async () => {
      const common = { model: server.model, max_tokens: 4, temperature: 0, stop: ['STOP'] };
      const { status, json } = await post('v1/completions', { ...common, prompt: 'one two three four five six seven' });
      expect(status).toBe(200);
      expect(json).toMatchObject({
        choices: [{ text: expect.any(String) as string, finish_reason: 'length' }],
        usage: { completion_tokens: 4 },
      });
    });

    it('refuses another model with 404, and a prompt that is too long with 400 and a reason', async () => {
      const asked = { prompt: 'x', max_tokens: 1, temperature: 0 };
      expect((await post('v1/completions', { ...asked, model: 'another' })).status).toBe(404);
      const long = { ...asked, model: server.model, prompt: 'word '.repeat(200_000) };
      const { status, json } = await post('v1/completions', long);
      expect(status).toBe(400);
      expect(JSON.stringify(json)).toMatch(/context length|max_model_len|too long/i);
    });

    it('ends with a status and a reason for a folder that is no model', async () => {
      const failed = await start(join(folder, 'nothing'), join(work, 'nothing'));
      const exit = await failed.wait();
      expect(exit.code).not.toBe(0);
      expect(await failed.tailLog(400)).toContain('nothing');
    });
  });
}
