import { expect, it } from 'vitest';
import { slotFile } from './slots.js';

it('has one lock file per device', () => {
  expect([slotFile('/w', 'cpu'), slotFile('/w', 0), slotFile('/w', 11)]).toEqual([
    '/w/slots/cpu.lock',
    '/w/slots/gpu-0.lock',
    '/w/slots/gpu-11.lock',
  ]);
});
