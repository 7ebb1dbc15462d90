import { createHash } from 'node:crypto';
import { requireFiles, Refused, type HubToken } from './access.js';
import { digestOf, type LfsStore } from './lfs.js';
import { belongsInLfs, type HubCommit, type HubFile, type HubRepository } from './repository.js';
import { content, json, refusal, type Reply } from './reply.js';

/** A page of a list, with the address of the next one as the Hub gives it. */
export function page(items: readonly unknown[], url: URL, size: number): Reply {
  const from = Number(url.searchParams.get('cursor') ?? 0);
  const next = new URL(url);
  next.searchParams.set('cursor', String(from + size));
  const more = from + size < items.length;
  return json(items.slice(from, from + size), more ? { Link: `<${next.href}>; rel="next"` } : {});
}

export function revisionOf(repository: HubRepository, revision: string): HubCommit {
  const commit = repository.find(revision);
  if (commit) return commit;
  throw new Refused(refusal(404, `Invalid rev id: ${revision}`, 'RevisionNotFound'));
}

export function info(repository: HubRepository, revision: string): Reply {
  const { oid, date, files } = revisionOf(repository, revision);
  return json({
    _id: repository.name,
    id: repository.name,
    private: repository.private,
    gated: repository.gated ? 'auto' : false,
    downloads: 0,
    likes: 0,
    lastModified: date,
    sha: oid,
    siblings: [...files.keys()].map((rfilename) => ({ rfilename })),
  });
}

export function commitEntry({ oid, title, author, date }: HubCommit): object {
  return { id: oid, title, message: '', authors: [{ user: author, avatar: '' }], date };
}

export function treeEntries({ files }: HubCommit): object[] {
  const folders = new Set<string>();
  const entries = [...files].map(([path, { bytes, lfs }]) => {
    path.split('/').forEach((_part, index, parts) => index > 0 && folders.add(parts.slice(0, index).join('/')));
    const oid = blobOid(lfs ? pointer(bytes) : bytes);
    const beside = { oid: digestOf(bytes), size: bytes.length, pointerSize: pointer(bytes).length };
    return { type: 'file', oid, size: bytes.length, path, ...(lfs ? { lfs: beside } : {}) };
  });
  return [
    ...[...folders].map((path) => ({ type: 'directory', oid: blobOid(Buffer.from(path)), size: 0, path })),
    ...entries,
  ];
}

/** A file in git comes at once; one beside git comes from the store, to which the caller is sent on. */
export function resolve(
  repository: HubRepository,
  caller: HubToken | undefined,
  { revision, path, range, storeUrl }: { revision: string; path: string; range: string | undefined; storeUrl: string },
): Reply {
  requireFiles(repository, caller);
  const commit = revisionOf(repository, revision);
  const file = commit.files.get(path);
  if (!file) return refusal(404, 'Entry not found', 'EntryNotFound');
  const headers = { 'X-Repo-Commit': commit.oid };
  if (!file.lfs) return content(file.bytes, range, { ...headers, ETag: `"${blobOid(file.bytes)}"` });
  const linked = { 'X-Linked-Size': String(file.bytes.length), 'X-Linked-ETag': `"${digestOf(file.bytes)}"` };
  return { status: 302, headers: { ...headers, ...linked, Location: `${storeUrl}/${digestOf(file.bytes)}` } };
}

export function preupload(body: Buffer): Reply {
  const { files } = JSON.parse(body.toString()) as { files: { path: string; size: number }[] };
  const modes = files.map(({ path, size }) => ({ path, uploadMode: belongsInLfs(path, size) ? 'lfs' : 'regular' }));
  return json({ files: modes });
}

interface CommitLine {
  key: 'header' | 'file' | 'lfsFile' | 'deletedFile';
  value: { summary: string; parentCommit?: string; path: string; content: string; encoding?: string; oid: string };
}

export function commit(repository: HubRepository, caller: HubToken, lfs: LfsStore, body: Buffer, url: string): Reply {
  const lines = body
    .toString()
    .split('\n')
    .map((line) => JSON.parse(line) as CommitLine);
  const header = lines.find(({ key }) => key === 'header')?.value;
  if (!header?.summary) return refusal(400, 'A commit needs a summary');
  if (header.parentCommit !== undefined && header.parentCommit !== repository.head.oid) {
    return refusal(412, 'A commit has happened since. Please refresh and try again.');
  }
  const put: [string, HubFile][] = [];
  for (const { key, value } of lines) {
    if (key === 'file') put.push([value.path, { bytes: Buffer.from(value.content, 'base64'), lfs: false }]);
    if (key !== 'lfsFile') continue;
    const bytes = lfs.get(value.oid);
    if (!bytes) return refusal(400, `The LFS object ${value.oid} of ${value.path} was never uploaded`);
    put.push([value.path, { bytes, lfs: true }]);
  }
  const remove = lines.filter(({ key }) => key === 'deletedFile').map(({ value }) => value.path);
  const { oid } = repository.append({ title: header.summary, author: caller.user, put, remove });
  return json({ success: true, commitOid: oid, commitUrl: `${url}/${repository.name}/commit/${oid}`, hookOutput: '' });
}

function blobOid(bytes: Buffer): string {
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

function pointer(bytes: Buffer): Buffer {
  return Buffer.from(
    `version https://git-lfs.github.com/spec/v1\noid sha256:${digestOf(bytes)}\nsize ${bytes.length}\n`,
  );
}
