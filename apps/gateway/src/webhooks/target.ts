import { lookup } from 'node:dns';
import { BlockList, isIPv6, type LookupFunction } from 'node:net';
import { Failure } from '@anneal/contracts';

/** Networks that are not the internet: this host, this site, and what providers of machines answer secrets at. */
const inside = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  inside.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['::', 128],
  ['::1', 128],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  inside.addSubnet(network, prefix, 'ipv6');
}

export function isInside(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return inside.check(mapped, 'ipv4');
  return inside.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** @throws Failure REQUEST_INVALID for an address to which nothing is delivered */
export function requireTarget(url: string, allowed: 'public' | 'any'): URL {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  const host = target?.hostname.replace(/^\[|\]$/g, '') ?? '';
  const literal = /^[\d.]+$|:/.test(host);
  const refused =
    target === undefined || !['http:', 'https:'].includes(target.protocol)
      ? 'is no https address'
      : target.username !== '' || target.password !== ''
        ? 'may not hold a user or password'
        : allowed === 'any'
          ? undefined
          : target.protocol !== 'https:'
            ? 'is no https address'
            : literal && isInside(host)
              ? 'lies inside this network'
              : undefined;
  if (target && refused === undefined) return target;
  throw new Failure('REQUEST_INVALID', `The address ${refused ?? 'cannot be used'}.`, {
    remedy: 'Name an https address of the internet; the operator may allow others with WEBHOOK_TARGETS=any.',
    field: 'url',
  });
}

/**
 * Resolves names as the system does and refuses addresses inside. It is the connection's own look-up, so a name cannot
 * lead elsewhere between the check and the connection.
 */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    if (error) return callback(error, []);
    const addresses = found;
    const bad = addresses.find(({ address }) => isInside(address));
    if (bad) return callback(new Error(`${hostname} lies inside this network`), []);
    const [first] = addresses;
    if (options.all || !first) return callback(null, addresses);
    callback(null, first.address, first.family);
  });
};
