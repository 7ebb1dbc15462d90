import { serviceNames, type ServicePulse, type SystemView } from '@anneal/contracts';
import { followPulses, type NatsConnection } from '@anneal/messaging';
import { NATS } from '@anneal/service';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';

/** A process that was not heard for three of its beats is gone, or cannot reach the broker. */
const silentMs = 15_000;

/** What the processes of all services last told of themselves. */
@Injectable()
export class ServicePulses implements OnModuleInit, BeforeApplicationShutdown {
  private readonly last = new Map<string, { pulse: ServicePulse; heardAt: number }>();
  private end: (() => void) | undefined;

  constructor(@Inject(NATS) private readonly connection: NatsConnection) {}

  onModuleInit(): void {
    this.end = followPulses(this.connection, (pulse) => {
      this.forgetSilent();
      this.last.set(pulse.instance, { pulse, heardAt: performance.now() });
    });
  }

  beforeApplicationShutdown(): void {
    this.end?.();
  }

  view(): SystemView {
    this.forgetSilent();
    const services = [...this.last.values()]
      .map(({ pulse }) => pulse)
      .toSorted((a, b) => serviceNames.indexOf(a.service) - serviceNames.indexOf(b.service));
    const heard = new Set(services.map(({ service }) => service));
    return { services, missing: serviceNames.filter((name) => !heard.has(name)) };
  }

  /** Every start of a process is another instance: without looking at them, they would be remembered for ever. */
  private forgetSilent(): void {
    // By this process's own clock: those of other hosts may differ.
    for (const [instance, { heardAt }] of this.last) {
      if (performance.now() - heardAt > silentMs) this.last.delete(instance);
    }
  }
}
