import { describe, expect, it } from 'vitest';
import { parseRunSpec, type SpecProblem } from './index.js';

function problems(axolotl: unknown): readonly SpecProblem[] {
  const training = { method: 'lora', axolotl };
  const parsed = parseRunSpec({ model: { base: 'acme/base' }, dataset: { source: 'acme/data' }, training });
  return parsed.ok ? [] : parsed.problems;
}

describe('further keys of Axolotl', () => {
  it('are taken from the list within their ranges', () => {
    expect(problems({ weight_decay: 0.1, lora_target_modules: ['q_proj'], chunked_cross_entropy: true })).toEqual([]);
  });

  it.each([
    [{ weight_decay: 2 }, 'training.axolotl.weight_decay'],
    [{ max_grad_norm: 0 }, 'training.axolotl.max_grad_norm'],
    [{ lora_target_modules: ['../x'] }, 'training.axolotl.lora_target_modules.0'],
    [{ attn_implementation: 'acme/kernel' }, 'training.axolotl.attn_implementation'],
  ])('are refused out of their ranges: %j', (axolotl, field) => {
    expect(problems(axolotl)[0]?.field).toBe(field);
  });

  it.each([
    ['plugins', ['evil.Plugin'], /code/],
    ['trust_remote_code', true, /code/],
    ['chat_template_jinja', '{{ x }}', /program/],
    ['hub_model_id', 'acme/stolen', /network/],
    ['wandb_project', 'x', /network/],
    ['mlflow_tracking_uri', 'http://10.0.0.1', /network/],
    ['otel_metrics_host', '0.0.0.0', /network/],
    ['output_dir', '/etc', /place/],
    ['resume_from_checkpoint', '/tmp/x', /place/],
    ['lora_model_dir', '/tmp/x', /place/],
    ['dataset_prepared_path', '/tmp/x', /place/],
    ['base_model', 'acme/other', /model\.base/],
    ['datasets', [{ path: 'https://x/y' }], /dataset\.source/],
    ['deepspeed', '/tmp/x.json', /training\.strategy/],
  ])('that run code or reach out are refused by name: %s', (key, value, reason) => {
    const [problem, ...more] = problems({ weight_decay: 0.1, [key]: value });
    expect(more).toEqual([]);
    expect(problem?.field).toBe(`training.axolotl.${key}`);
    expect(problem?.message).toMatch(/^is refused: /);
    expect(problem?.message).toMatch(reason);
  });

  it('that nobody put on the list are refused with the list', () => {
    for (const key of ['learning_rte', 'constructor']) {
      expect(problems({ [key]: 1 })[0]?.field).toBe(`training.axolotl.${key}`);
    }
    expect(problems({ learning_rte: 1 })[0]).toMatchObject({
      message: expect.stringMatching(/allowed are weight_decay/) as string,
    });
  });
});
