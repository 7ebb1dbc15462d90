import { spawnSync } from 'node:child_process';
import { beforeEach, describe, expect, it } from 'vitest';
import { findPrometheus, observability } from './prometheus.fixture.js';

const installed = await findPrometheus();

describe('promtool', () => {
  beforeEach(({ skip }) => {
    if ('missing' in installed) skip(installed.missing);
  });
  it.each([
    ['the configuration and the rules', ['check', 'config', 'prometheus.yml']],
    ['what the alerts do', ['test', 'rules', 'alerts.test.yml']],
  ])('finds %s well', (_, args) => {
    const promtool = 'missing' in installed ? '' : installed.promtool;
    const { status, stdout, stderr } = spawnSync(promtool, args, { cwd: observability, encoding: 'utf8' });
    expect(status, `${stdout}\n${stderr}`).toBe(0);
    expect(stdout).toContain('SUCCESS');
  });
});
