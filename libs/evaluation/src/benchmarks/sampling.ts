import { createHash } from 'node:crypto';
import type { Item, Questions } from './benchmark.js';

/** Everybody who samples the same benchmark gets the same items: base and tuned, today and next month. */
const seed = 42;

/**
 * The same benchmark with only so many items. Each group, a subject for example, keeps its share of them; within a group
 * those with the smallest digests are taken, so that items which are added or removed move few others. The order stays.
 */
export function sampled(questions: Questions, limit: number | undefined): Questions {
  const { items, settings } = questions;
  if (limit === undefined || limit >= items.length) return questions;
  const groups = groupsOf(items);
  const chosen = new Set<Item>();
  for (const [name, share] of sharesOf(groups, limit)) {
    const ranked = (groups.get(name) ?? []).map((item) => ({ item, rank: rankOf(name, item.id) }));
    ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1));
    for (const { item } of ranked.slice(0, share)) chosen.add(item);
  }
  const sample = { items: limit, of: items.length, groups: groups.size, seed };
  return { ...questions, items: items.filter((item) => chosen.has(item)), settings: { ...settings, sample } };
}

function groupsOf(items: readonly Item[]): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(item.group ?? '');
    if (group) group.push(item);
    else groups.set(item.group ?? '', [item]);
  }
  return groups;
}

/** Items for each group: its share rounded down, and one more for those that lost most by that (largest remainder). */
function sharesOf(groups: ReadonlyMap<string, readonly Item[]>, limit: number): Map<string, number> {
  const total = [...groups.values()].reduce((sum, items) => sum + items.length, 0);
  const exact = [...groups].map(([name, items]) => ({ name, share: (limit * items.length) / total }));
  const shares = new Map(exact.map(({ name, share }) => [name, Math.floor(share)]));
  const missing = limit - [...shares.values()].reduce((sum, share) => sum + share, 0);
  const byRemainder = exact.toSorted((a, b) => (b.share % 1) - (a.share % 1));
  for (const { name } of byRemainder.slice(0, missing)) shares.set(name, (shares.get(name) ?? 0) + 1);
  return shares;
}

function rankOf(group: string, id: string): string {
  return createHash('sha256').update(`${seed}\n${group}\n${id}`).digest('hex');
}
