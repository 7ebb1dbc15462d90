import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from './address.js';

/**
 * Which addresses may be asked: `public` for the internet, `inside` for all that are not of it, `HOST` or `HOST:PORT` for
 * one, `any` for all.
 */
export type Targets = readonly string[];

/** What is wrong with an address, as the rest of "The address ..."; nothing when it may be asked. */
export function refusalOf(url: URL, targets: Targets): string | undefined {
  if (!['http:', 'https:'].includes(url.protocol)) return 'is no https address';
  if (url.username !== '' || url.password !== '') return 'may not hold a user or password';
  if (isNamed(url, targets)) return undefined;
  if (targets.includes('inside')) {
    const host = hostOf(url);
    return isIP(host) !== 0 && isPublicAddress(host) ? outsideMessage : undefined;
  }
  if (!targets.includes('public')) return 'is none that this service may ask';
  if (url.protocol !== 'https:') return 'is no https address';
  // A literal address is connected to without a look-up, so it is checked here.
  const host = hostOf(url);
  return isIP(host) !== 0 && !isPublicAddress(host) ? 'lies inside this network' : undefined;
}

/**
 * Resolves names as the system does and refuses addresses inside, or outside where only those inside may be asked. It is the connection's own look-up, so a name cannot
 * lead elsewhere between the check and the connection. Nothing when the operator named the address.
 */
export function lookupFor(url: URL, targets: Targets): LookupFunction | undefined {
  if (isNamed(url, targets)) return undefined;
  return targets.includes('inside') ? insideLookup : publicLookup;
}

/** Thrown by the connection's look-up, whose errors have no other place for a reason. */
export const insideMessage = 'lies inside this network';

const outsideMessage = 'lies outside of this network, and this service is offline';

const publicLookup = lookupUnless((address) => !isPublicAddress(address), insideMessage);
const insideLookup = lookupUnless(isPublicAddress, outsideMessage);

function lookupUnless(refused: (address: string) => boolean, why: string): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      if (addresses.some(({ address }) => refused(address))) return callback(new Error(`${hostname} ${why}`), []);
      const [first] = addresses;
      if (options.all || !first) return callback(null, addresses);
      callback(null, first.address, first.family);
    });
  };
}

function isNamed(url: URL, targets: Targets): boolean {
  const host = hostOf(url);
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return targets.some((target) => ['any', host, `${host}:${port}`].includes(target));
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}
