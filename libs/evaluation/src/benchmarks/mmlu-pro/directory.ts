import { resolveFileReference } from '@anneal/artifacts';
import { Failure, type MmluProBenchmark } from '@anneal/contracts';
import type { BenchmarkContext } from '../benchmark.js';

/** Where the files of the benchmark are on this machine, once they were brought here from where they are. */
export async function directoryOf(
  { source, revision }: MmluProBenchmark,
  { field, fileRoots, fetchArtifact, fetchDataset, signal }: BenchmarkContext,
): Promise<string> {
  const named = `${field}.source`;
  if (source.startsWith('file:'))
    return resolveFileReference(source, { roots: fileRoots, field: named, missing: 'BENCHMARK_INVALID' });
  const artifact = /^artifact:([0-9a-f]{64})$/.exec(source)?.[1];
  if (artifact !== undefined && fetchArtifact) return fetchArtifact(artifact, signal);
  if (artifact === undefined && fetchDataset) return fetchDataset(source.replace(/^hub:/, ''), revision, signal);
  throw new Failure('SPEC_UNSUPPORTED', `MMLU-Pro cannot be fetched from ${source} here.`, {
    remedy: `Download it once, put it below one of FILE_ROOTS, and name the folder as file:DIRECTORY.`,
    field: named,
  });
}
