import { runToEnd } from './run-to-end.js';
import type { Gpu } from './process-types.js';

/** The GPUs that nvidia-smi knows; none when it is absent or fails. */
export async function detectGpus(): Promise<Gpu[]> {
  const args = ['--query-gpu=index,name,memory.total', '--format=csv,noheader,nounits'];
  try {
    const { code, stdout } = await runToEnd({ command: 'nvidia-smi', args, timeoutMs: 15_000 });
    return code === 0 ? parseGpuList(stdout) : [];
  } catch {
    return [];
  }
}

/** Reads `index, name, MiB` lines; a line of another form is no GPU. */
export function parseGpuList(text: string): Gpu[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(\d+),\s*(.+?),\s*(\d+)\s*$/.exec(line);
    return match?.[2] === undefined ? [] : [{ index: Number(match[1]), name: match[2], memoryMiB: Number(match[3]) }];
  });
}
