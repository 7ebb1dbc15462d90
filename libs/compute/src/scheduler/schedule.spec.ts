import { describe, expect, it } from 'vitest';
import { schedule } from './schedule.js';
import type { HoldingJob, Host, HostsState, WaitingJob } from './scheduler-types.js';
import { ageingMs } from './turns.js';

const now = 1_000 * ageingMs;
const job = (id: string, more: Partial<WaitingJob> = {}): WaitingJob => ({
  ...{ id, project: 'a', gpus: 1, priority: 0, since: now },
  ...more,
});
const holding = (id: string, indices: number[], more: Partial<HoldingJob> = {}): HoldingJob => ({
  ...{ id, project: 'a', host: 'one', indices },
  ...more,
});
const hostOf = (name: string, gpus: number): Host => ({
  name,
  gpus: Array.from({ length: gpus }, (_, index) => index),
});
const decide = (gpus: number, held: HoldingJob[], waiting: WaitingJob[], more: Partial<HostsState> = {}) =>
  schedule({
    hosts: [hostOf('one', gpus)],
    holding: held,
    waiting,
    servedAt: new Map(),
    now,
    ...more,
  });
const started = ({ starts }: ReturnType<typeof decide>): string[] => starts.map(({ id }) => id);
const queued = ({ queue }: ReturnType<typeof decide>): string[] => queue.map(({ id }) => id);

describe('what starts', () => {
  it('takes the free GPUs that come first, and names them in their order', () => {
    const { starts, queue } = decide(4, [holding('x', [1])], [job('two', { gpus: 2 }), job('three', { gpus: 1 })]);
    expect(starts).toMatchObject([
      { id: 'three', indices: [0] },
      { id: 'two', indices: [2, 3] },
    ]);
    expect(queue).toEqual([]);
    const [first] = decide(0, [], [job('two', { gpus: 2 })], { hosts: [{ name: 'one', gpus: [3, 1, 0] }] }).starts;
    expect(first?.indices).toEqual([1, 3]);
  });

  it('is the oldest first, and that with the highest priority before it', () => {
    const waiting = [
      job('young', { since: now - 1 }),
      job('old', { since: now - 2 }),
      job('urgent', { priority: 1 }),
      job('idle', { priority: -1, since: now - 3 }),
    ];
    expect(started(decide(1, [], waiting))).toEqual(['urgent']);
    expect(queued(decide(1, [], waiting))).toEqual(['old', 'young', 'idle']);
  });

  it('is one of low priority when it has waited an hour for each step', () => {
    const low = job('low', { priority: -3, since: now - 3 * ageingMs });
    expect(started(decide(1, [], [job('high'), low]))).toEqual(['low']);
    const younger = { ...low, since: low.since + 1 };
    expect(started(decide(1, [], [job('high'), younger]))).toEqual(['high']);
  });

  it('is never what needs more GPUs than there are, and that does not hold up the others', () => {
    const decision = decide(2, [], [job('huge', { gpus: 3, priority: 9 }), job('small')]);
    expect([started(decision), queued(decision)]).toEqual([['small'], []]);
  });
});

describe('projects', () => {
  it('get their turn by the GPUs that they have, counting those of their jobs that come before', () => {
    const flood = Array.from({ length: 6 }, (_, index) => job(`a${index}`, { since: now - 10 + index }));
    const other = Array.from({ length: 2 }, (_, index) => job(`b${index}`, { project: 'b', since: now + index }));
    expect(started(decide(4, [], [...flood, ...other])).toSorted()).toEqual(['a0', 'a1', 'b0', 'b1']);
    expect(started(decide(2, [holding('x', [0])], [...flood, ...other]))).toEqual(['b0']);
  });

  it('take turns on one GPU, though one of them has been flooding it for days', () => {
    const flood = Array.from({ length: 50 }, (_, index) => job(`a${index}`, { since: now - 50 * ageingMs + index }));
    const other = job('b', { project: 'b', since: now - ageingMs });
    const servedAt = new Map([['a', now - ageingMs / 2]]);
    expect(started(decide(1, [], [...flood, other], { servedAt }))).toEqual(['b']);
    const after = new Map([...servedAt, ['b', now - 1]]);
    expect(started(decide(1, [], [...flood, { ...other, id: 'b2' }], { servedAt: after }))).toEqual(['a0']);
  });
});

describe('the first in line that does not fit', () => {
  const large = job('large', { gpus: 3, since: now - 10 });

  it('has GPUs kept free for it', () => {
    const decision = decide(3, [holding('x', [1])], [large, job('small')]);
    expect(started(decision)).toEqual([]);
    expect(queued(decision)).toEqual(['large', 'small']);
  });

  it('lets others in front that have to end before it can start', () => {
    const held = [holding('x', [1], { endsAt: now + 100 })];
    const short = job('short', { mostMs: 100 });
    const long = job('long', { mostMs: 101 });
    expect(started(decide(3, held, [large, long, short]))).toEqual(['short']);
    expect(decide(3, held, [large, short]).starts[0]).toMatchObject({ inTurn: false });
  });

  it('lets others in front on GPUs that it does not miss', () => {
    const two = { ...large, gpus: 2 };
    const held = [holding('x', [1, 2, 3], { endsAt: now + 100 })];
    expect(started(decide(4, held, [two, job('endless'), job('more')]))).toEqual(['endless']);
    // Whether one or three GPUs come back next, nobody knows.
    expect(started(decide(5, [holding('x', [1, 2, 3]), holding('y', [4])], [two, job('endless')]))).toEqual([]);
    expect(started(decide(4, [holding('x', [1, 2, 3])], [two, job('endless')]))).toEqual(['endless']);
  });

  it('lets exactly the one in front that docs/queue.md says', () => {
    const held = [holding('A', [0, 1], { endsAt: now + 2 * ageingMs }), holding('B', [2])];
    const waiting = [
      job('C', { gpus: 3, since: now - 4 }),
      job('D', { since: now - 3 }),
      job('E', { since: now - 2, mostMs: 1.5 * ageingMs }),
      job('F', { since: now - 1, mostMs: 1.5 * ageingMs }),
    ];
    const decision = decide(4, held, waiting);
    expect(decision.starts).toEqual([{ id: 'E', host: 'one', indices: [3], inTurn: false }]);
    expect(decision.queue[0]).toEqual({ id: 'C', position: 1, reservedOn: 'one', startsAt: now + 2 * ageingMs });
    expect(queued(decision)).toEqual(['C', 'D', 'F']);
  });

  it('is not overtaken by one that comes later with the same priority, of whatever project', () => {
    const reserved = { ...large, reservedSince: now - 5 };
    const fresh = job('fresh', { project: 'b', since: now - 1000 });
    const held = [holding('x', [0], { project: 'a' })];
    expect(queued(decide(3, held, [fresh, reserved]))).toEqual(['large', 'fresh']);
    expect(started(decide(3, held, [fresh, large]))).toEqual(['fresh']);
    expect(started(decide(3, held, [{ ...fresh, priority: 1 }, reserved]))).toEqual(['fresh']);
  });
});

describe('the forecast', () => {
  it('counts positions, and says when a job will start as far as the ends of those before it are known', () => {
    const held = [
      holding('x', [0], { endsAt: now + 500, expectedEnd: now + 100 }),
      holding('y', [1], { expectedEnd: now + 300 }),
    ];
    const waiting = [
      job('one', { since: now - 4, mostMs: 1_000 }),
      job('two', { since: now - 3, gpus: 2, mostMs: 50 }),
      job('three', { since: now - 2 }),
      job('four', { since: now - 1, gpus: 2 }),
    ];
    expect(decide(2, held, waiting).queue).toEqual([
      { id: 'one', position: 1, reservedOn: 'one', startsAt: now + 100 },
      { id: 'two', position: 2, startsAt: now + 1_100 },
      { id: 'three', position: 3, startsAt: now + 1_150 },
      { id: 'four', position: 4 },
    ]);
  });

  it('does not promise a start in the past', () => {
    const held = [holding('late', [0], { endsAt: now - 5, expectedEnd: now - 9 })];
    expect(decide(1, held, [job('next')]).queue).toEqual([
      { id: 'next', position: 1, reservedOn: 'one', startsAt: now },
    ]);
  });
});

describe('several hosts', () => {
  const two = { hosts: [hostOf('small', 2), hostOf('large', 4)] };
  const started = ({ starts }: ReturnType<typeof decide>) => starts.map(({ id, host }) => `${id} on ${host}`);

  it('have one queue, and a job goes where it fits, leaving the most room for large ones', () => {
    const waiting = [job('big', { gpus: 4, since: now - 2 }), job('little', { since: now - 1 })];
    expect(started(decide(0, [], waiting, two))).toEqual(['big on large', 'little on small']);
    expect(started(decide(0, [], [job('little')], two))).toEqual(['little on small']);
  });

  it('are only those that a job may run on', () => {
    const home = job('home', { gpus: 2, hosts: ['small'], since: now - 1 });
    const held = [holding('x', [0], { host: 'small' })];
    const decision = decide(0, held, [home, job('any', { gpus: 2 })], two);
    expect(started(decision)).toEqual(['any on large']);
    expect(decision.queue).toEqual([{ id: 'home', position: 1, reservedOn: 'small' }]);
    expect(decide(0, [], [{ ...home, hosts: ['gone'] }], two)).toEqual({ starts: [], queue: [] });
  });

  it('keep GPUs on the host where the first in line can start first, and on another for the next', () => {
    const held = [
      holding('x', [0, 1], { host: 'small', endsAt: now + 500 }),
      holding('y', [0, 1, 2], { host: 'large', endsAt: now + 100 }),
    ];
    const waiting = [
      job('first', { gpus: 2, since: now - 3 }),
      job('second', { gpus: 2, since: now - 2 }),
      job('endless', { since: now - 1 }),
    ];
    const decision = decide(0, held, waiting, two);
    expect(decision.queue.map(({ id, reservedOn }) => [id, reservedOn])).toEqual([
      ['first', 'large'],
      ['second', 'small'],
    ]);
    // One GPU of the large host is free, and two are left over when the first one starts.
    expect(started(decision)).toEqual(['endless on large']);
  });

  it('do not take turns in keeping GPUs for one that waits: it stays where it was', () => {
    const held = [holding('x', [1], { host: 'small' }), holding('y', [1, 2, 3], { host: 'large' })];
    const large = job('first', { gpus: 2, since: now - 1, reservedOn: 'large' });
    expect(decide(0, held, [large], two).queue[0]?.reservedOn).toBe('large');
    const ends = [...held, holding('z', [0], { host: 'small', endsAt: now + 5 })];
    expect(decide(0, [{ ...ends[0], endsAt: now + 5 } as HoldingJob, ...ends.slice(1)], [large], two).queue[0]).toEqual(
      {
        ...{ id: 'first', position: 1, reservedOn: 'small', startsAt: now + 5 },
      },
    );
  });
});
