/**
 * A thread loads JavaScript: where the sources are run as they are, as in tests, it takes what was built of them.
 *
 * @param path below the sources of this library
 */
export function threadFile(path: string): URL {
  return new URL(path, import.meta.url.replace(/\/src\/[^/]*$/, '/dist/'));
}
