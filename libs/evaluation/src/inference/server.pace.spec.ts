import { describe, expect, it } from 'vitest';
import { ServerPace } from './server.pace.js';

describe('the pace at which a server is asked', () => {
  it('grows with every answer at first, and by one for each round after it was halved', () => {
    const pace = new ServerPace(100);
    for (let answers = 0; answers < 24; answers += 1) pace.keptUp();
    expect(pace.current).toBe(32);
    pace.fellBehind(performance.now());
    expect(pace.current).toBe(16);
    for (let answers = 0; answers < 17; answers += 1) pace.keptUp();
    expect(pace.current).toBe(17);
  });
  it('is halved once for all that was under way together, and never ends', () => {
    const pace = new ServerPace(8);
    const sentAt = performance.now();
    for (let failures = 0; failures < 5; failures += 1) pace.fellBehind(sentAt);
    expect(pace.current).toBe(4);
    for (let rounds = 0; rounds < 9; rounds += 1) pace.fellBehind(performance.now() + 1);
    expect(pace.current).toBe(1);
  });
  it('has no more than the most, and lets those in who wait longest', async () => {
    const pace = new ServerPace(1);
    pace.keptUp();
    expect(pace.current).toBe(1);
    await pace.enter();
    const order: string[] = [];
    const first = pace.enter().then(() => order.push('first'));
    const second = pace.enter().then(() => order.push('second'));
    pace.leave();
    await first;
    expect(order).toEqual(['first']);
    pace.leave();
    await second;
  });
  it('ends the waiting of all with a reason', async () => {
    const pace = new ServerPace(1);
    await pace.enter();
    const waiting = pace.enter();
    pace.close('cancelled');
    await expect(waiting).rejects.toBe('cancelled');
  });
});
