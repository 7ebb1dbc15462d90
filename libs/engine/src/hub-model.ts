import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runToEnd } from '@anneal/compute';
import { Failure } from '@anneal/contracts';
import { missingOffline } from '@anneal/outbound';
import { z } from 'zod';
import { fetchCommand } from './axolotl-commands.js';
import { fetchProcessEnv, type EngineLocation } from './engine-environment.js';

export interface HubOptions {
  /** From where models with a Hub id are fetched; the only step that may use the network. */
  readonly hub: { readonly endpoint: string; readonly token: string | undefined };
  /** Nothing is asked of the Hub: what was fetched before is all there is. */
  readonly offline?: boolean;
  readonly engine: EngineLocation;
  /** Models of the Hub go here, and so do digests of local ones: gigabytes are fetched and hashed once. */
  readonly workDir: string;
  readonly signal: AbortSignal;
}

const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);
const known = z.object({ commit: z.string() });
const answerMs = 30_000;

/** A model of the Hub at a revision. A commit never changes, so one that is here is not asked for again. */
export async function fetchFromHub(
  id: string,
  revision: string,
  options: HubOptions,
): Promise<{ directory: string; revision: string }> {
  if (options.offline) {
    const here = await findFetchedModel(options.workDir, id, revision);
    if (here) return here;
    throw missingOffline(`The model ${id} at revision ${revision}`, 'model.base');
  }
  const models = modelsOf(options.workDir, id);
  await mkdir(models, { recursive: true });
  const commit = isCommit(revision) ? revision : await resolveCommit(id, revision, models, options);
  const directory = join(models, commit);
  if (!(await isComplete(directory))) {
    await fetchCommit(id, commit, directory, options);
    await writeAtomically(completeNote(directory), JSON.stringify({ commit }));
  }
  return { directory, revision: commit };
}

/**
 * A model of the Hub that was fetched to this machine, whole; a branch or tag is where it was the last time.
 *
 * @returns undefined when it is not here
 */
export async function findFetchedModel(
  workDir: string,
  id: string,
  revision: string,
): Promise<{ directory: string; revision: string } | undefined> {
  const models = modelsOf(workDir, id);
  const noted = isCommit(revision)
    ? { commit: revision }
    : known.safeParse(await readJson(revisionNote(models, revision))).data;
  if (noted === undefined) return undefined;
  const directory = join(models, noted.commit);
  return (await isComplete(directory)) ? { directory, revision: noted.commit } : undefined;
}

function modelsOf(workDir: string, id: string): string {
  return join(workDir, 'models', id.replace('/', '--'));
}

function revisionNote(models: string, revision: string): string {
  return join(models, `${encodeURIComponent(revision)}.revision.json`);
}

function completeNote(directory: string): string {
  return `${directory}.json`;
}

async function isComplete(directory: string): Promise<boolean> {
  return known.safeParse(await readJson(completeNote(directory))).success;
}

/** Asks which commit a branch or tag is at; when the Hub is away, the one of the last time is good enough. */
async function resolveCommit(
  id: string,
  revision: string,
  models: string,
  { hub, signal }: HubOptions,
): Promise<string> {
  const note = revisionNote(models, revision);
  const url = new URL(`/api/models/${id}/revision/${encodeURIComponent(revision)}`, hub.endpoint);
  const headers: Record<string, string> = hub.token === undefined ? {} : { authorization: `Bearer ${hub.token}` };
  let response: Response | undefined;
  let cause: unknown;
  try {
    response = await fetch(url, { headers, signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]) });
  } catch (error) {
    signal.throwIfAborted();
    cause = error;
  }
  if (response?.ok) {
    const { sha } = z.object({ sha: z.string() }).parse(await response.json());
    await writeAtomically(note, JSON.stringify({ commit: sha }));
    return sha;
  }
  await response?.body?.cancel();
  if (response?.status === 401 || response?.status === 404)
    throw fetchFailure(id, fetchStatus.missing, `status ${response.status}`);
  if (response?.status === 403) throw fetchFailure(id, fetchStatus.gated, 'status 403');
  const before = known.safeParse(await readJson(note));
  if (before.success) return before.data.commit;
  throw fetchFailure(id, fetchStatus.unreachable, response ? `status ${response.status}` : String(cause));
}

async function fetchCommit(id: string, revision: string, directory: string, options: HubOptions): Promise<void> {
  const { engine, hub, workDir, signal } = options;
  await mkdir(directory, { recursive: true });
  const { command, args } = fetchCommand(engine, { id, revision, directory });
  const env = fetchProcessEnv(engine, { home: join(workDir, 'models', 'home'), ...hub });
  const { code, stderr } = await runToEnd({ command, args, env, cwd: directory, signal });
  if (code !== 0) throw fetchFailure(id, code, stderr);
}

/** Exit statuses of `anneal_engine.fetch_model`. */
const fetchStatus = { missing: 3, gated: 4, unreachable: 5 } as const;

function fetchFailure(id: string, code: number | null, text: string): Failure {
  const detail = text.trim().split('\n').at(-1) ?? '';
  const options = { field: 'model.base', cause: new Error(detail) };
  if (code === fetchStatus.missing) {
    const remedy = 'Check the id and the revision; a private model needs an HF_TOKEN that may see it.';
    return new Failure('MODEL_NOT_FOUND', `The Hub has no model ${id} at that revision.`, { ...options, remedy });
  }
  if (code === fetchStatus.gated) {
    const remedy = 'Accept its terms on the Hub, and give the service an HF_TOKEN that may read it.';
    return new Failure('MODEL_GATED', `The model ${id} is gated.`, { ...options, remedy });
  }
  if (code === fetchStatus.unreachable) {
    const remedy = 'Check the way to the Hub, or name a local copy as file:DIRECTORY.';
    return new Failure('HUB_UNAVAILABLE', `The Hub could not be reached for ${id}.`, { ...options, remedy });
  }
  return new Failure('ENGINE_BUG', `Fetching ${id} broke: ${detail}`, {
    ...options,
    remedy: 'Check that ENGINE_PYTHON is the Python of a complete engine.',
  });
}

export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Several services of a host may write the same note at once. */
export async function writeAtomically(path: string, text: string): Promise<void> {
  const own = `${path}.${randomUUID()}`;
  await writeFile(own, text);
  await rename(own, path);
}
