import { EventEmitter } from 'node:events';
import { randomUUID } from 'node:crypto';

export interface ClusterObject {
  metadata: {
    name: string;
    uid?: string;
    resourceVersion?: string;
    creationTimestamp?: string;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: { uid: string }[];
  };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  [key: string]: unknown;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly plural: string;
  readonly version: number;
  readonly object: ClusterObject;
}

/** The objects of one namespace, with their versions and what became of them. */
export class ClusterObjects {
  readonly changes = new EventEmitter().setMaxListeners(0);
  private readonly kept = new Map<string, Map<string, ClusterObject>>();
  private history: WatchEvent[] = [];
  private version = 1_000;
  /** Versions up to this one are forgotten. */
  private forgotten = 0;

  /** @returns false when there is one of that name */
  create(plural: string, object: ClusterObject): boolean {
    if (this.get(plural, object.metadata.name) !== undefined) return false;
    Object.assign(object.metadata, { uid: randomUUID(), creationTimestamp: now() });
    this.of(plural).set(object.metadata.name, object);
    this.tell('ADDED', plural, object);
    return true;
  }

  update(plural: string, name: string, change: (object: ClusterObject) => void): void {
    const object = this.get(plural, name);
    if (object === undefined) return;
    change(object);
    this.tell('MODIFIED', plural, object);
  }

  /** Removes an object, and what belongs to it. */
  remove(plural: string, name: string): void {
    const object = this.get(plural, name);
    if (object === undefined) return;
    this.of(plural).delete(name);
    this.tell('DELETED', plural, object);
    for (const [other, objects] of this.kept) {
      for (const owned of [...objects.values()]) {
        if (owned.metadata.ownerReferences?.some(({ uid }) => uid === object.metadata.uid)) {
          this.remove(other, owned.metadata.name);
        }
      }
    }
  }

  get(plural: string, name: string): ClusterObject | undefined {
    return this.of(plural).get(name);
  }

  list(plural: string, selector = ''): ClusterObject[] {
    return [...this.of(plural).values()].filter((object) => selects(selector, object));
  }

  get newestVersion(): number {
    return this.version;
  }

  /** What happened after a version; undefined when that is forgotten. */
  since(plural: string, version: number): WatchEvent[] | undefined {
    if (version < this.forgotten) return undefined;
    return this.history.filter((event) => event.plural === plural && event.version > version);
  }

  /** From now on no watch goes on from a version until now. */
  forget(): void {
    this.version += 1;
    this.forgotten = this.version;
    this.history = [];
  }

  private of(plural: string): Map<string, ClusterObject> {
    const found = this.kept.get(plural) ?? new Map<string, ClusterObject>();
    this.kept.set(plural, found);
    return found;
  }

  private tell(type: WatchEvent['type'], plural: string, object: ClusterObject): void {
    this.version += 1;
    object.metadata.resourceVersion = String(this.version);
    const event = { type, plural, version: this.version, object: structuredClone(object) };
    this.history.push(event);
    this.changes.emit('change', event);
  }
}

/** Selectors of the form `a=b,c=d`. */
export function selects(selector: string, { metadata }: ClusterObject): boolean {
  return selector
    .split(',')
    .filter(Boolean)
    .every((term) => {
      const [key = '', value] = term.split('=');
      return metadata.labels?.[key] === value;
    });
}

/** As Kubernetes writes it: seconds only. */
export function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
