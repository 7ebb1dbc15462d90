import { pulseSubject, servicePulse, type ServicePulse } from '@anneal/contracts';
import type { NatsConnection } from '@nats-io/transport-node';
import { ConnectionWatch } from './connection.js';
import { parseJson } from './json.js';

/** Says how a service is doing: not kept anywhere, the next word replaces it. */
export class PulsePublisher {
  private readonly watch: ConnectionWatch;

  constructor(private readonly nc: NatsConnection) {
    this.watch = new ConnectionWatch(nc);
  }

  publish(pulse: ServicePulse): void {
    if (!this.watch.up) return;
    try {
      this.nc.publish(pulseSubject(pulse.service), JSON.stringify(pulse));
    } catch {
      // The connection closed in between; the next one tells as much.
    }
  }
}

/** Hears the pulse of every service from now on. @returns ends the listening */
export function followPulses(nc: NatsConnection, onPulse: (pulse: ServicePulse) => void): () => void {
  const subscription = nc.subscribe('anneal.pulse.*', {
    callback: (error, message) => {
      if (error) return;
      const read = servicePulse.safeParse(parseJson(message.data)?.value);
      // A service may only speak for itself: its rights on the broker end at its own subject.
      if (read.success && message.subject === pulseSubject(read.data.service)) onPulse(read.data);
    },
  });
  return () => subscription.unsubscribe();
}
