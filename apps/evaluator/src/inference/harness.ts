import { configuredHarness, type InstalledHarness } from '@anneal/evaluation';
import { isOffline } from '@anneal/service';
import type { EvaluatorConfig } from '../evaluator.config.js';

/** lm-eval as this service has it. */
export function harnessOf(config: EvaluatorConfig): InstalledHarness | undefined {
  const { ENGINE_PYTHON: python, HF_ENDPOINT: endpoint, HF_TOKEN: token, THREADS: threads } = config;
  const offline = isOffline(config);
  return configuredHarness(config, { python, hub: offline ? undefined : { endpoint, token }, threads });
}
