import type { DeviceKind } from './host.devices.js';

const ordinals = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth'];

/** What a training that waits is doing, in a few words. */
export function waitingPhase({ device, wanted }: { device: DeviceKind; wanted: number }, position: number): string {
  const gpus = wanted === 1 ? 'a GPU' : `${wanted} GPUs`;
  return `waiting for ${device === 'cpu' ? 'the CPU' : gpus}, ${ordinals[position - 1] ?? `number ${position}`} in line`;
}

/** To the minute: what is foretold from the pace of others trembles, and nobody wants to hear of every second. */
export function wholeMinute(time: Date): Date {
  return new Date(Math.ceil(time.getTime() / 60_000) * 60_000);
}
