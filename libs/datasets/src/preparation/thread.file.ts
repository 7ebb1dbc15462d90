/** A thread loads JavaScript: where the sources are run as they are, as in tests, it takes what was built of them. */
export function threadFile(name: string): URL {
  const built = import.meta.url.replace(/\/src\/preparation\/[^/]*$/, '/dist/preparation/');
  return new URL(name, built);
}
