// Counts what Vitest ran and remembers why something was skipped; `tools/test.mjs` prints it last.
import { writeFileSync } from 'node:fs';

export default class CountingReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: [] };
    for (const module of modules) {
      // A file that does not even load has no tests to fail.
      if (module.state() === 'failed' && [...module.children.allTests()].length === 0) counts.failed += 1;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') counts.passed += 1;
        else if (result.state === 'failed') counts.failed += 1;
        else counts.skipped.push({ test: test.fullName, reason: result.note ?? 'no reason given' });
      }
    }
    writeFileSync(process.env.ANNEAL_TEST_COUNTS, JSON.stringify(counts));
  }
}
