import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface EnvironmentEntry {
  name: string;
  value?: string;
  valueFrom?: { configMapKeyRef?: KeyRef; secretKeyRef?: KeyRef };
}
interface KeyRef {
  name: string;
  key: string;
}
export interface PodSpec {
  containers: {
    name: string;
    image: string;
    command: string[];
    args?: string[];
    workingDir?: string;
    env?: EnvironmentEntry[];
    volumeMounts?: { name: string; mountPath: string }[];
  }[];
  volumes?: { name: string; configMap?: { name: string }; persistentVolumeClaim?: { claimName: string } }[];
  terminationGracePeriodSeconds?: number;
}
/** Values of ConfigMaps and Secrets by kind, name and key. */
export type Values = (kind: 'configmaps' | 'secrets', name: string) => Record<string, string> | undefined;

/**
 * The container of a pod as a process of this machine. Its volumes are folders; paths below a mount are rewritten in
 * environment and arguments, since a process sees no mounts. The image is this machine.
 */
export class PodProcess {
  readonly log: { time: string; text: string }[] = [];
  readonly news = new EventEmitter().setMaxListeners(0);
  exit: { code: number } | undefined;
  private readonly child: ChildProcess;
  private rest = '';
  private nanos = 0;

  private constructor(command: string, args: string[], environment: Record<string, string>, cwd: string) {
    this.child = spawn(command, args, { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.write(text));
    }
    this.child.once('error', (error) => this.write(`${error.message}\n`));
    this.child.once('close', (code, signal) => {
      if (this.rest !== '') this.write('\n');
      this.exit = { code: code ?? (signal === 'SIGKILL' ? 137 : 143) };
      this.news.emit('news');
    });
  }

  /** @returns undefined while a ConfigMap or a Secret of it is missing */
  static start(folder: string, spec: PodSpec, values: Values, claims: string): PodProcess | undefined {
    const [container] = spec.containers;
    if (container === undefined) throw new Error('a pod has a container');
    const places = new Map<string, string>();
    for (const { name, mountPath } of container.volumeMounts ?? []) {
      const volume = spec.volumes?.find((known) => known.name === name);
      const claim = volume?.persistentVolumeClaim?.claimName;
      const place = claim === undefined ? join(folder, name) : join(claims, claim);
      mkdirSync(place, { recursive: true });
      // The image lies below /tmp, and /dev/shm is the machine's.
      if (mountPath !== '/tmp' && mountPath !== '/dev/shm') places.set(mountPath, place);
      if (volume?.configMap === undefined) continue;
      const data = values('configmaps', volume.configMap.name);
      if (data === undefined) return undefined;
      for (const [key, value] of Object.entries(data)) writeFileSync(join(place, key), value);
    }
    const localised = (text: string): string => {
      for (const [mount, place] of places) {
        if (text === mount || text.startsWith(`${mount}/`)) return place + text.slice(mount.length);
      }
      return text;
    };
    const environment: Record<string, string> = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
    for (const { name, value, valueFrom } of container.env ?? []) {
      const map = valueFrom?.configMapKeyRef;
      const secret = valueFrom?.secretKeyRef;
      const found =
        map !== undefined
          ? values('configmaps', map.name)?.[map.key]
          : secret !== undefined
            ? values('secrets', secret.name)?.[secret.key]
            : (value ?? '');
      if (found === undefined) return undefined;
      environment[name] = localised(found);
    }
    const expanded = (text: string): string =>
      localised(
        text.replace(/\$\$|\$\(([A-Z_]+)\)/g, (whole, name: string | undefined) =>
          name === undefined ? '$' : (environment[name] ?? whole),
        ),
      );
    const [command = '', ...args] = [...container.command, ...(container.args ?? [])].map(expanded);
    return new PodProcess(command, args, environment, localised(container.workingDir ?? folder));
  }

  /** SIGTERM to the first process, and SIGKILL to all of them after the grace period. */
  async end(graceSeconds: number): Promise<void> {
    if (this.exit !== undefined) return;
    const ended = once(this.news, 'end').catch(() => undefined);
    const timer = setTimeout(() => this.kill(), graceSeconds * 1000);
    signal(this.child.pid, 'SIGTERM');
    const check = setInterval(() => {
      if (this.exit !== undefined) this.news.emit('end');
    }, 20);
    await ended;
    clearTimeout(timer);
    clearInterval(check);
  }

  /** As the kernel does when the container is over its memory, or a node that loses its power. */
  kill(): void {
    const pids = [this.child.pid, ...childrenOf(this.log)];
    for (const pid of pids) {
      signal(pid && -pid, 'SIGKILL');
      signal(pid, 'SIGKILL');
    }
  }

  private write(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      this.nanos = (this.nanos + 1) % 1_000_000;
      const time = `${new Date().toISOString().slice(0, 23)}${String(this.nanos).padStart(6, '0')}Z`;
      this.log.push({ time, text: line });
    }
    this.news.emit('news');
  }
}

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, name);
  } catch {
    // gone already
  }
}

/** A container's processes die with its first one; here the training leads a session of its own, and says its pid. */
function childrenOf(log: readonly { text: string }[]): number[] {
  return log.flatMap(({ text }) => {
    const pid = /^@anneal .*"word": "started", "pid": (\d+)/.exec(text)?.[1];
    return pid === undefined ? [] : [Number(pid)];
  });
}
