import { join } from 'node:path';

/** The lock file of a device. Whoever holds it may use the device; it is free when its last descendant is gone. */
export function slotFile(workDir: string, device: 'cpu' | number): string {
  return join(workDir, 'slots', device === 'cpu' ? 'cpu.lock' : `gpu-${device}.lock`);
}
