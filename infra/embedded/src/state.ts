import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';
import { writePrivateFile } from './atomic-file.js';
import type { DataFolder } from './data-folder.js';
import { portNames, type PortName, type Ports } from './ports.js';

const currentLayout = 1;
const secretBytes = 24;

const anyLayout = z.object({ layout: z.int() });
const state = z.object({
  layout: z.literal(currentLayout),
  ports: z.partialRecord(z.enum(portNames), z.int().min(1).max(65_535)),
  secrets: z.record(z.string(), z.string().min(1)),
});
type StateContent = z.infer<typeof state>;

/** What a data folder keeps between starts: its ports and its random secrets. Every change is on disk at once. */
export class ServerState {
  readonly #file: string;
  #content: StateContent;

  /** Reads the state of a folder, or begins one. Throws DATA_FOLDER_OLD when this version cannot go on with the folder. */
  static open(folder: DataFolder): ServerState {
    if (existsSync(folder.stateFile)) return new ServerState(folder.stateFile, readState(folder));
    if (existsSync(join(folder.postgres, 'PG_VERSION'))) {
      throw unusable(folder, `The data folder ${folder.root} has lost its state.json, which holds the passwords.`);
    }
    const fresh = new ServerState(folder.stateFile, { layout: currentLayout, ports: {}, secrets: {} });
    fresh.#save();
    return fresh;
  }

  private constructor(file: string, content: StateContent) {
    this.#file = file;
    this.#content = content;
  }

  get ports(): Partial<Record<PortName, number>> {
    return this.#content.ports;
  }

  keepPorts(ports: Ports): void {
    this.#content = { ...this.#content, ports };
    this.#save();
  }

  /** A random text of 48 hexadecimal digits, made at the first call and the same from then on. */
  secret(name: string): string {
    const kept = Object.hasOwn(this.#content.secrets, name) ? this.#content.secrets[name] : undefined;
    if (kept !== undefined) return kept;
    const made = randomBytes(secretBytes).toString('hex');
    this.#content = { ...this.#content, secrets: { ...this.#content.secrets, [name]: made } };
    this.#save();
    return made;
  }

  #save(): void {
    writePrivateFile(this.#file, `${JSON.stringify(this.#content, null, 2)}\n`);
  }
}

function readState(folder: DataFolder): StateContent {
  const json = parseJson(readFileSync(folder.stateFile, 'utf8'));
  const version = anyLayout.safeParse(json);
  if (version.success && version.data.layout !== currentLayout) {
    const age = version.data.layout < currentLayout ? 'an older' : 'a newer';
    throw unusable(folder, `The data folder ${folder.root} was made by ${age} version of Anneal.`);
  }
  const content = state.safeParse(json);
  if (!content.success) throw unusable(folder, `The file ${folder.stateFile} is damaged.`);
  return content.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unusable(folder: DataFolder, message: string): Failure {
  return new Failure('DATA_FOLDER_OLD', message, {
    remedy: `Name another data folder, or remove ${folder.root} with all data in it.`,
  });
}
