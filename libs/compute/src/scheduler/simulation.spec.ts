import { describe, expect, it } from 'vitest';
import type { Decision, Host, HostsState } from './scheduler-types.js';
import { hostOf, randomOf, simulate, type Simulated, type SimulatedJob } from './simulation.fixture.js';
import { ageingMs } from './turns.js';

const minute = 60_000;
const seeds = [1, 2, 3, 4, 5, 6, 7, 8];

interface Workload {
  readonly gpus: number;
  readonly count: number;
  readonly projects?: number;
  readonly priorities?: boolean;
  /** Share of the jobs that have a limit. */
  readonly limited?: number;
  /** 1: just as much work as the host can do. */
  readonly load?: number;
}

/** Jobs of a minute to five hours, most of them on one GPU. */
function workload(seed: number, { gpus, count, projects = 3, priorities = true, limited = 0.5, load = 1 }: Workload) {
  const random = randomOf(seed);
  let at = 0;
  return Array.from({ length: count }, (_, index): SimulatedJob => {
    const wanted = random() < 0.6 ? 1 : 1 + Math.floor(random() * gpus);
    const durationMs = Math.round(minute * 300 ** random());
    at += Math.round((-Math.log(1 - random()) * durationMs * wanted) / gpus / load);
    return {
      id: `job-${String(index).padStart(5, '0')}`,
      project: `project-${Math.floor(random() ** 2 * projects)}`,
      gpus: wanted,
      priority: priorities && random() < 0.3 ? Math.floor(random() * 21) - 10 : 0,
      arrivesAt: at,
      durationMs,
      ...(random() < limited ? { mostMs: Math.round(durationMs * (1 + random())) } : {}),
    };
  });
}

function expectNoOverlap(jobs: readonly Simulated[], gpus: number): void {
  const freeFrom = new Map<number, number>();
  for (const { id, indices, startedAt, durationMs, gpus: wanted } of jobs) {
    expect(new Set(indices).size).toBe(wanted);
    for (const index of indices) {
      if (index < 0 || index >= gpus || (freeFrom.get(index) ?? 0) > startedAt) throw new Error(`${id} on ${index}`);
      freeFrom.set(index, startedAt + durationMs);
    }
  }
}

const heldBy = ({ holding }: HostsState): number => holding.reduce((all, { indices }) => all + indices.length, 0);
const startedBy = ({ starts }: Decision): number => starts.reduce((all, { indices }) => all + indices.length, 0);

describe.each(seeds)('a host with random work, seed %i', (seed) => {
  const gpus = 1 + (seed % 8);
  const jobs = workload(seed, { gpus, count: 700, load: seed % 2 === 0 ? 0.9 : 1.3 });

  it('never gives a GPU to two, leaves none idle that the first in line could use, and starts every job', () => {
    const done = simulate([hostOf(gpus)], jobs, (state, decision) => {
      const free = gpus - heldBy(state) - startedBy(decision);
      const [first] = decision.queue;
      const wanted = state.waiting.find(({ id }) => id === first?.id)?.gpus ?? Infinity;
      if (free < 0 || wanted <= free) throw new Error(`${free} GPUs are free, and ${first?.id} needs ${wanted}`);
      if (decision.starts.length + decision.queue.length !== state.waiting.length) throw new Error('a job is lost');
    });
    expect(done).toHaveLength(jobs.length);
    expectNoOverlap(done, gpus);
  });

  it('starts every job within the time that all work before it takes, plus what its priority is worth', () => {
    for (const { id, arrivesAt, startedAt } of simulate([hostOf(gpus)], jobs)) {
      const patient = arrivesAt + 21 * ageingMs;
      const before = jobs.filter((other) => other.arrivesAt <= patient);
      const work = before.reduce((all, { durationMs }) => all + durationMs, 0);
      if (startedAt > patient + work) throw new Error(`${id} waited ${(startedAt - arrivesAt) / ageingMs} hours`);
    }
  });
});

describe('jobs that start ahead of their turn', () => {
  it.each(seeds)('do not delay the one that GPUs are kept for beyond the time foretold to it, seed %i', (seed) => {
    const gpus = 2 + (seed % 7);
    const jobs = workload(seed, { gpus, count: 800, projects: 1, priorities: false, limited: 1 });
    const foretold = new Map<string, number>();
    const done = simulate([hostOf(gpus)], jobs, (_, { queue: [first] }) => {
      if (first?.startsAt !== undefined && !foretold.has(first.id)) foretold.set(first.id, first.startsAt);
    });
    expect(done.filter(({ inTurn }) => !inTurn).length).toBeGreaterThan(20);
    for (const { id, startedAt } of done) expect(startedAt).toBeLessThanOrEqual(foretold.get(id) ?? startedAt);
  });

  it.each(seeds)('do not delay it when no end is known either, whichever job ends next, seed %i', (seed) => {
    const gpus = 2 + (seed % 7);
    let ahead = 0;
    simulate([hostOf(gpus)], workload(seed, { gpus, count: 600, limited: 0 }), (state, { starts, queue: [first] }) => {
      const head = state.waiting.find(({ id }) => id === first?.id);
      const turn = starts.filter(({ inTurn }) => inTurn);
      const others = starts.filter(({ inTurn }) => !inTurn);
      if (!head || others.length === 0) return;
      ahead += others.length;
      const sizes = [...state.holding, ...turn].map(({ indices }) => indices.length);
      const free = gpus - sizes.reduce((all, size) => all + size, 0);
      const used = others.reduce((all, { indices }) => all + indices.length, 0);
      for (let ended = 0; ended < 2 ** sizes.length; ended += 1) {
        const freed = sizes.reduce((all, size, index) => all + ((ended >> index) & 1) * size, 0);
        if (free + freed >= head.gpus) expect(free + freed - used).toBeGreaterThanOrEqual(head.gpus);
      }
    });
    if (gpus > 3) expect(ahead).toBeGreaterThan(0);
  });
});

describe('a job on all GPUs', () => {
  it('is not starved by an endless row of small ones', () => {
    const small = Array.from({ length: 1_000 }, (_, index): SimulatedJob => {
      const id = `small-${String(index).padStart(5, '0')}`;
      const arrivesAt = index * 20 * minute;
      return { id, project: `p${index % 2}`, gpus: 1, priority: 0, arrivesAt, durationMs: 60 * minute };
    });
    const large = { id: 'large', project: 'p0', gpus: 3, priority: 0, arrivesAt: 601 * minute, durationMs: minute };
    const done = simulate([hostOf(3)], [...small, large]);
    const { startedAt } = done.find(({ id }) => id === 'large') ?? { startedAt: Infinity };
    expect(startedAt - large.arrivesAt).toBeLessThanOrEqual(2 * 60 * minute);
  });

  it('of the lowest priority starts within a day though more urgent ones never end', () => {
    const urgent = Array.from({ length: 300 }, (_, index): SimulatedJob => {
      const id = `urgent-${String(index).padStart(5, '0')}`;
      return {
        ...{ id, project: 'p0', gpus: 1, priority: 10, durationMs: 60 * minute },
        arrivesAt: index * 20 * minute,
      };
    });
    const low = { id: 'low', project: 'p0', gpus: 3, priority: -10, arrivesAt: 600 * minute, durationMs: minute };
    for (const project of ['p0', 'p1']) {
      const done = simulate([hostOf(3)], [...urgent, { ...low, project }]);
      const { startedAt } = done.find(({ id }) => id === 'low') ?? { startedAt: Infinity };
      expect((startedAt - low.arrivesAt) / ageingMs).toBeLessThan(24);
      expect((startedAt - low.arrivesAt) / ageingMs).toBeGreaterThan(10);
    }
  });
});

describe('priority', () => {
  it('is what decides among jobs of the same age and size', () => {
    const jobs = workload(3, { gpus: 4, count: 400, projects: 1 }).map((job) => ({
      ...job,
      ...{ arrivesAt: 0, gpus: 1, durationMs: minute },
    }));
    const order = simulate([hostOf(4)], jobs).map(({ priority }) => priority);
    expect(order).toEqual(order.toSorted((a, b) => b - a));
  });
});

describe('two projects that flood a host', () => {
  it.each([1, 2, 5, 8])('get the same share of its %i GPUs, though one began a day before with larger jobs', (gpus) => {
    const random = randomOf(gpus);
    const flood = (project: string, arrivesAt: number, most: number): SimulatedJob[] =>
      Array.from({ length: 60 * gpus }, (_, index) => ({
        ...{ id: `${project}-${String(index).padStart(5, '0')}`, project, arrivesAt, priority: 0 },
        gpus: 1 + Math.floor(random() * most),
        durationMs: Math.round((30 + 60 * random()) * minute),
      }));
    const begin = 24 * 60 * minute;
    const end = begin + 50 * 60 * minute;
    const done = simulate([hostOf(gpus)], [...flood('a', 0, Math.ceil(gpus / 2)), ...flood('b', begin, 1)]);
    const used = (project: string): number =>
      done
        .filter((job) => job.project === project)
        .reduce((all, { startedAt, durationMs, indices }) => {
          const within = Math.min(startedAt + durationMs, end) - Math.max(startedAt, begin);
          return all + Math.max(0, within) * indices.length;
        }, 0);
    const share = used('a') / (used('a') + used('b'));
    expect(share).toBeGreaterThan(0.35);
    expect(share).toBeLessThan(0.65);
  });
});

describe.each(seeds)('several hosts with one queue and random work, seed %i', (seed) => {
  const hosts: Host[] = [1, 2, 4, 8].slice(seed % 2).map((gpus) => hostOf(gpus, `with-${gpus}`));
  const random = randomOf(100 + seed);
  const all = hosts.reduce((sum, { gpus }) => sum + gpus.length, 0);
  const jobs = workload(seed, { gpus: 8, count: 500, load: all / 8 }).map((job): SimulatedJob => {
    // Some may run only where they were asked for, or where the GPUs are large enough.
    const able = hosts.filter(({ gpus }) => gpus.length >= job.gpus);
    const chosen = able.slice(random() < 0.3 ? able.length - 1 : 0);
    return random() < 0.5 ? job : { ...job, hosts: chosen.map(({ name }) => name) };
  });
  const mayUse = (job: SimulatedJob, { name, gpus }: Host): boolean =>
    gpus.length >= job.gpus && (job.hosts?.includes(name) ?? true);
  const byId = new Map(jobs.map((job) => [job.id, job]));

  it('never give a GPU to two, put every job where it may run, and leave none idle for the first in line', () => {
    const done = simulate(hosts, jobs, (state, { starts, queue: [first] }) => {
      const head = first && byId.get(first.id);
      for (const host of hosts) {
        const taken = [...state.holding, ...starts].filter((one) => one.host === host.name);
        const free = host.gpus.length - taken.reduce((sum, { indices }) => sum + indices.length, 0);
        if (free < 0) throw new Error(`${host.name} has given out more than it has`);
        if (head && mayUse(head, host) && free >= head.gpus)
          throw new Error(`${head.id} waits, and ${host.name} is free`);
      }
    });
    expect(done).toHaveLength(jobs.length);
    for (const host of hosts) {
      const here = done.filter((job) => job.host === host.name);
      expect(here.every((job) => mayUse(job, host))).toBe(true);
      expectNoOverlap(here, host.gpus.length);
    }
    expect(new Set(done.map(({ host }) => host)).size).toBe(hosts.length);
  });

  it('start every job within the time that all work before it takes, plus what its priority is worth', () => {
    for (const { id, arrivesAt, startedAt } of simulate(hosts, jobs)) {
      const patient = arrivesAt + 21 * ageingMs;
      const before = jobs.filter((other) => other.arrivesAt <= patient);
      const work = before.reduce((sum, { durationMs }) => sum + durationMs, 0);
      if (startedAt > patient + work) throw new Error(`${id} waited ${(startedAt - arrivesAt) / ageingMs} hours`);
    }
  });

  it('do not delay the first in line by those that start ahead of their turn', () => {
    const equal = jobs.map((job) => ({ ...job, project: 'one', priority: 0, mostMs: job.mostMs ?? job.durationMs }));
    const foretold = new Map<string, number>();
    const done = simulate(hosts, equal, (_, { queue: [first] }) => {
      if (first?.startsAt !== undefined && !foretold.has(first.id)) foretold.set(first.id, first.startsAt);
    });
    expect(done.filter(({ inTurn }) => !inTurn).length).toBeGreaterThan(10);
    for (const { id, startedAt } of done) expect(startedAt).toBeLessThanOrEqual(foretold.get(id) ?? startedAt);
  });
});

describe('a job on all GPUs of the largest of several hosts', () => {
  it('is not starved by an endless row of small ones that may run anywhere', () => {
    const small = Array.from({ length: 1_000 }, (_, index): SimulatedJob => {
      const id = `small-${String(index).padStart(5, '0')}`;
      return {
        id,
        project: `p${index % 2}`,
        gpus: 1,
        priority: 0,
        arrivesAt: index * 9 * minute,
        durationMs: 60 * minute,
      };
    });
    const large = { id: 'large', project: 'p0', gpus: 4, priority: 0, arrivesAt: 601 * minute, durationMs: minute };
    const done = simulate([hostOf(2, 'a'), hostOf(4, 'b')], [...small, large]);
    const { startedAt } = done.find(({ id }) => id === 'large') ?? { startedAt: Infinity };
    expect(startedAt - large.arrivesAt).toBeLessThanOrEqual(3 * 60 * minute);
  });
});
