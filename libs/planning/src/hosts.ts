import { Failure, hostsText } from '@anneal/contracts';

/** What a training may use: so many GPUs alike, or the CPU. */
export interface Hosts {
  /** 0 is the CPU. */
  readonly gpus: number;
  /** Bytes that a training may take of each GPU, or of the machine. */
  readonly available: number;
  /** Bytes of each GPU, or of the machine. */
  readonly memory: number;
}

const mostGpus = 8;
/** What driver and display keep of a GPU's memory: nvidia-smi shows some hundred MiB in use on an idle card. */
const usable = 0.98;

/**
 * Reads `3x48GB` or `cpu`. GB are a thousand millions of bytes as everywhere else, though makers of GPUs mean a little
 * more by it: what is left over is better than what is missing. `3x48GiB` says it exactly.
 *
 * @param machineBytes memory of the machine, for the CPU
 */
export function parseHosts(text: string, machineBytes: number): Hosts {
  const match = /^(\d+)\s*x\s*([\d.]+)\s*(GB|GiB)$/i.exec(text);
  if (!hostsText.safeParse(text).success || (!match && !/^cpu$/i.test(text))) {
    throw new Failure('REQUEST_INVALID', `"${text}" describes no hosts.`, {
      remedy: 'Describe GPUs as 3x48GB, or say cpu.',
      field: 'hosts',
    });
  }
  if (!match) return { gpus: 0, available: machineBytes * usable, memory: machineBytes };
  const gpus = Number(match[1]);
  const memory = Number(match[2]) * (match[3]?.toLowerCase() === 'gib' ? 1024 ** 3 : 1e9);
  if (gpus > mostGpus || memory === 0) {
    throw new Failure('REQUEST_INVALID', `"${text}" is not what one host has: a run trains on one host.`, {
      remedy: `Describe 1 to ${mostGpus} GPUs with some memory each.`,
      field: 'hosts',
    });
  }
  return { gpus, available: memory * usable, memory };
}

/** The GPUs of this host; the smallest of them counts for all, since they share alike. */
export function hostsOf(gpus: readonly { memoryMiB: number }[], machineBytes: number): Hosts {
  const memory = gpus.length === 0 ? machineBytes : Math.min(...gpus.map(({ memoryMiB }) => memoryMiB)) * 1024 ** 2;
  return { gpus: gpus.length, available: memory * usable, memory };
}
