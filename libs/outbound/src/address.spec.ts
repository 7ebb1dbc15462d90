import { describe, expect, it } from 'vitest';
import { isPublicAddress } from './address.js';

describe('an address', () => {
  it.each([
    ['this host', '127.0.0.1'],
    ['this host', '0.0.0.0'],
    ['this host', '::'],
    ['this host', '::1'],
    ['a site', '10.1.2.3'],
    ['a site', '172.31.0.1'],
    ['a site', '192.168.1.1'],
    ['a site', 'fd00::1'],
    ['a link, where providers answer secrets', '169.254.169.254'],
    ['a link', 'fe80::1'],
    ['a provider behind NAT', '100.64.0.1'],
    ['a mapped IPv4 address', '::ffff:127.0.0.1'],
    ['a mapped IPv4 address', '::ffff:7f00:1'],
    ['a mapped IPv4 address', '::ffff:a9fe:a9fe'],
    ['NAT64', '64:ff9b::7f00:1'],
    ['NAT64 of a site', '64:ff9b:1::a00:1'],
    ['6to4', '2002:7f00:1::1'],
    ['Teredo', '2001:0:53aa:64c::1'],
    ['documents', '2001:db8::1'],
    ['groups', '224.0.0.1'],
    ['groups', 'ff02::1'],
    ['everybody', '255.255.255.255'],
    ['no address', 'localhost'],
  ])('of %s is not of the internet: %s', (_what, address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1'])(
    'of the internet is %s',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );
});
