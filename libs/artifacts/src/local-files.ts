import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { Failure, type FailureCode } from '@anneal/contracts';

/**
 * Turns `file:PATH` into a real path. Links are followed before the check, so that none leads out of the roots.
 *
 * @param field the field of the RunSpec that holds the reference
 * @param missing the code when nothing is there
 */
export async function resolveFileReference(
  reference: string,
  { roots, field, missing }: { roots: readonly string[]; field: string; missing: FailureCode },
): Promise<string> {
  const path = reference.replace(/^file:(\/\/)?/, '');
  if (!isAbsolute(path)) {
    throw new Failure(missing, `${field} names ${path}, which is a relative path.`, {
      remedy: 'Give an absolute path as file:/PATH; "anneal train" resolves relative paths by itself.',
      field,
      file: path,
    });
  }
  const real = await realpath(path).catch(() => undefined);
  // What lies outside gets one answer, whether it exists or not.
  if (!(await isInside(real ?? resolve(path), roots))) {
    throw new Failure(missing, `${field} names ${path}, which lies outside the folders that this service may read.`, {
      remedy: 'Move the file below one of FILE_ROOTS, or add its folder there.',
      field,
      file: path,
    });
  }
  if (real !== undefined) return real;
  throw new Failure(missing, `${field} names ${path}, and there is nothing at that path.`, {
    remedy: 'Check the path, as it is seen from the machine on which the service runs.',
    field,
    file: path,
  });
}

async function isInside(path: string, roots: readonly string[]): Promise<boolean> {
  // A root may itself be a link, and a missing file has no real path: both forms of the root count.
  const real = await Promise.all(roots.map((root) => realpath(root).catch(() => root)));
  return [...roots, ...real].some((root) => {
    const way = relative(root, path);
    return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  });
}
