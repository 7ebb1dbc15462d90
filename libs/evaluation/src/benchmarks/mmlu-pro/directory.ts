import { resolveFileReference } from '@anneal/artifacts';
import { Failure, type MmluProBenchmark } from '@anneal/contracts';
import type { BenchmarkContext } from '../benchmark.js';

/** Where the files of the benchmark are on this machine, and of which commit of the Hub, if they are from there. */
export async function bringHere(
  { source, revision }: MmluProBenchmark,
  { field, fileRoots, fetchArtifact, fetchDataset, signal }: BenchmarkContext,
): Promise<{ directory: string; commit?: string }> {
  const named = `${field}.source`;
  if (source.startsWith('file:'))
    return {
      directory: await resolveFileReference(source, { roots: fileRoots, field: named, missing: 'BENCHMARK_INVALID' }),
    };
  const artifact = /^artifact:([0-9a-f]{64})$/.exec(source)?.[1];
  if (artifact !== undefined && fetchArtifact) return { directory: await fetchArtifact(artifact, signal) };
  if (artifact === undefined && fetchDataset) return fetchDataset(source.replace(/^hub:/, ''), revision, signal);
  throw new Failure('SPEC_UNSUPPORTED', `MMLU-Pro cannot be fetched from ${source} here.`, {
    remedy: `Download it once, put it below one of FILE_ROOTS, and name the folder as file:DIRECTORY.`,
    field: named,
  });
}
