import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { validate, ValidationSeverity } from 'dockerfile-utils';
import { describe, expect, it } from 'vitest';
import { imageEnvironment, root } from './deployment.fixture.js';

const images = ['service', 'engine'] as const;
const textOf = (image: string): string => readFileSync(join(root, 'infra', 'images', `${image}.Dockerfile`), 'utf8');
const linesOf = (image: string): string[] =>
  textOf(image)
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));

describe.each(images)('%s.Dockerfile', (image) => {
  it('has nothing that Docker would refuse or advise against', () => {
    const instructionCasing = ValidationSeverity.WARNING;
    expect(validate(textOf(image), { instructionCasing })).toEqual([]);
  });

  it('copies what is there', () => {
    for (const line of linesOf(image)) {
      const copied = /^COPY (?!--from)(.+) \S+$/.exec(line)?.[1]?.split(' ') ?? [];
      for (const path of copied) expect(existsSync(join(root, path)), `${path} is not there`).toBe(true);
    }
  });

  it('has the manifest of each package of the workspace, without which npm installs none', () => {
    const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { workspaces: string[] };
    const copied = new Set(
      linesOf(image).flatMap((line) => (line.startsWith('COPY ') ? line.split(' ').slice(1, -1) : [])),
    );
    for (const workspace of workspaces) {
      const folder = workspace.replace(/\/\*$/, '');
      expect([folder, copied.has(folder) || copied.has(`${folder}/package.json`)]).toEqual([folder, true]);
    }
  });

  it('keeps what only builds in a stage of its own, on bases that are pinned to a version', () => {
    const bases = linesOf(image).filter((line) => line.startsWith('FROM '));
    expect(bases).toHaveLength(2);
    for (const base of bases) expect(base).toMatch(/^FROM \S+:\d+\.\d+\.\d+-\S+( AS build)?$/);
  });

  it('does not run as root, which Kubernetes can see', () => {
    expect(linesOf(image).findLast((line) => line.startsWith('USER'))).toBe('USER 1000:1000');
  });

  it('has no secret', () => {
    expect(Object.keys(imageEnvironment(image)).filter((name) => /PASSWORD|TOKEN|SECRET|_KEY$/.test(name))).toEqual([]);
  });
});

it('both images have the same Node', () => {
  const [service, engine] = images.map((image) => linesOf(image).findLast((line) => line.startsWith('FROM ')));
  expect(service).toBe(engine);
});
