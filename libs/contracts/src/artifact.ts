import { z } from 'zod';

export const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'a SHA-256 digest is 64 hexadecimal digits')
  .describe('SHA-256, lower-case hexadecimal.');

export const artifactKind = z
  .enum(['file', 'dataset', 'plan', 'checkpoint', 'adapter', 'weights', 'model', 'report', 'log'])
  .describe('"file" is one that was uploaded; a stage made all others.');
export type ArtifactKind = z.infer<typeof artifactKind>;

/** One file of an artifact. `path` is relative, with `/`, and never leaves the artifact. */
export const manifestFile = z.object({
  path: z
    .string()
    .min(1)
    .refine(
      (path) =>
        !path.startsWith('/') &&
        !path.includes('\\') &&
        !path.split('/').some((part) => part === '..' || part === '.' || part === ''),
      'a path inside an artifact is relative and has no "." or ".." part',
    ),
  size: z.int().min(0).describe('Bytes.'),
  sha256,
});
export type ManifestFile = z.infer<typeof manifestFile>;

/** The list of files that names an artifact. Its own digest is the artifact's identity. */
export const manifest = z
  .object({
    version: z.literal(1),
    kind: artifactKind,
    files: z.array(manifestFile).min(1).describe('Sorted by path.'),
  })
  .meta({ id: 'Manifest' });
export type Manifest = z.infer<typeof manifest>;

/** How an event names an artifact: by the digest of its manifest, never by bytes. */
export const artifactRef = z
  .object({
    kind: artifactKind,
    digest: sha256,
    files: z.int().min(1),
    bytes: z.int().min(0),
  })
  .meta({ id: 'ArtifactRef' });
export type ArtifactRef = z.infer<typeof artifactRef>;
