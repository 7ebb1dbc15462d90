import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runToEnd } from '@anneal/compute';
import { lmEvalProcessEnv } from '@anneal/engine';
import { installedLmEval } from '@anneal/testing';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { scoreExactMatch, type Ignored } from './exact-match.js';

const installed = installedLmEval();
const pairs = [
  ...[
    ['Paris', 'Paris'],
    ['paris', 'PARIS'],
    ['Paris.', 'Paris'],
    [' Paris', 'Paris'],
    ['Paris ', 'Paris'],
    ['', ''],
  ],
  ...[
    ['it is 42', 'it is 43'],
    ['a-b_c', 'abc'],
    ['“a”', 'a'],
    ['٣', '3'],
    ['ΟΔΟΣ', 'οδος'],
    ['İ', 'i̇'],
    ['ẞ', 'ß'],
  ],
  ...[
    ['$4.20!', '$4.20'],
    ['x\n', 'x'],
    ['A1b2', 'a3B4'],
    ['`~^', ''],
    ['straße', 'STRASSE'],
    ['\u00e9', 'e\u0301'],
  ],
] as const;
const ignored: Ignored[][] = [[], ['case'], ['punctuation'], ['numbers'], ['case', 'punctuation', 'numbers']];
const asked = `
import json, sys
from lm_eval.api.metrics import exact_match_hf_evaluate
pairs, ignored = json.loads(sys.argv[1])
print(json.dumps([[float(exact_match_hf_evaluate([a], [b], **{f"ignore_{name}": True for name in names})["exact_match"])
                   for a, b in pairs] for names in ignored]))
`;

it('says of an answer what exact_match of lm-eval says', { timeout: 180_000 }, async ({ skip }) => {
  if (typeof installed === 'string') return skip(installed);
  const folder = mkdtempSync(join(tmpdir(), 'anneal-exact-match-'));
  try {
    const { stdout, stderr } = await runToEnd({
      command: installed.python,
      args: ['-c', asked, JSON.stringify([pairs, ignored])],
      env: lmEvalProcessEnv(installed, { home: folder, data: folder, packages: installed.packages }),
    });
    const theirs = z.array(z.array(z.number())).parse(JSON.parse(stdout.trim() || JSON.stringify(stderr)));
    const cases = ignored.flatMap((names, i) => pairs.map((pair, j) => ({ names, pair, right: theirs[i]?.[j] === 1 })));
    const ours = cases.map(({ names, pair: [answer, expected] }) => ({
      ...{ names, pair: [answer, expected] },
      right: scoreExactMatch(answer, expected, names) === 'correct',
    }));
    expect(ours).toEqual(cases);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
