/** Routes that answer without a key: probes, metrics and the document of the API, which tell nothing about runs. */
const open = new Set(['/health/live', '/health/ready', '/health/startup', '/metrics', '/api/openapi.json']);

/**
 * Whether a request needs a key. The matched route counts and not the path as it was written, which may spell the same
 * route in several ways; a new route is guarded until it is listed as open.
 *
 * @param route the route that matched, undefined when none did
 */
export function isGuarded(route: string | undefined, url: string): boolean {
  return route === undefined ? /^\/(api|v1)(\/|\?|$)/.test(url) : !open.has(route);
}
