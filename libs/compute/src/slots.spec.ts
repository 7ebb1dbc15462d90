import { expect, it } from 'vitest';
import { holdsLock, isHeld, slotFile } from './slots.js';

it('has one lock file per device', () => {
  expect([slotFile('/w', 'cpu'), slotFile('/w', 0), slotFile('/w', 11)]).toEqual([
    '/w/slots/cpu.lock',
    '/w/slots/gpu-0.lock',
    '/w/slots/gpu-11.lock',
  ]);
});

it('takes a slot that nobody ever wanted for free', async () => {
  expect(await isHeld('/nowhere/slots/cpu.lock')).toBe(false);
});

it('finds who holds a file among the locks of the kernel, and not who waits for it or locks it otherwise', () => {
  const locks = `1: FLOCK  ADVISORY  WRITE 32228 fe:00:10248868 0 EOF
2: POSIX  ADVISORY  WRITE 32229 fe:00:77 0 EOF
3: FLOCK  ADVISORY  WRITE 32230 103:01:99 0 EOF
4: FLOCK  ADVISORY  WRITE 32231 fe:00:55 0 EOF
4: -> FLOCK  ADVISORY  WRITE 32232 fe:00:66 0 EOF
`;
  const dev = 0xfe00;
  expect([10248868, 77, 55, 66, 1024].map((ino) => holdsLock(locks, { dev, ino }))).toEqual([
    true,
    false,
    true,
    false,
    false,
  ]);
  expect(holdsLock(locks, { dev: 0x10301, ino: 99 })).toBe(true);
});
