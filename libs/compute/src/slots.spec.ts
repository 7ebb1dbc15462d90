import { expect, it } from 'vitest';
import { lockedInodes, slotFile } from './slots.js';

it('has one lock file per device', () => {
  expect([slotFile('/w', 'cpu'), slotFile('/w', 0), slotFile('/w', 11)]).toEqual([
    '/w/slots/cpu.lock',
    '/w/slots/gpu-0.lock',
    '/w/slots/gpu-11.lock',
  ]);
});

it('reads from the kernel which files are locked', () => {
  const locks = [
    '1: POSIX  ADVISORY  READ 5433 08:01:7864448 128 128',
    '2: FLOCK  ADVISORY  WRITE 2001 fe:01:7864554 0 EOF',
    '2: -> FLOCK  ADVISORY  WRITE 1568 fe:01:11 0 EOF',
    '3: FLOCK  ADVISORY  WRITE 699 00:2d:12 0 EOF',
    '',
  ];
  expect([...lockedInodes(locks.join('\n'))]).toEqual([7864554, 12]);
});
