// Holds a real cluster to what the trainer relies on, in the namespace of KUBECONFIG's current context, and removes what it
// makes. Without KUBECONFIG it says so and passes.
//   KUBECONFIG=... [ANNEAL_TEST_IMAGE=busybox:1.37] npm run test:kubernetes
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
if (process.env.KUBECONFIG === undefined) {
  console.log('skipped: KUBECONFIG names no cluster (set it to a file whose current context may make Jobs)');
} else {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const { status } = spawnSync(process.execPath, [vitest, 'run', '--project', 'kubernetes'], {
    cwd: root,
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
}
