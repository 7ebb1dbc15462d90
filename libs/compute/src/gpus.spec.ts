import { describe, expect, it } from 'vitest';
import { parseGpuList } from './gpus.js';

describe('parseGpuList', () => {
  it('reads what nvidia-smi says', () => {
    const text = '0, NVIDIA RTX 6000 Ada Generation, 49140\n1, NVIDIA RTX 6000 Ada Generation, 49140\n';
    expect(parseGpuList(text)).toEqual([
      { index: 0, name: 'NVIDIA RTX 6000 Ada Generation', memoryMiB: 49140 },
      { index: 1, name: 'NVIDIA RTX 6000 Ada Generation', memoryMiB: 49140 },
    ]);
  });

  it('keeps a comma in a name', () => {
    expect(parseGpuList('3, A, B, 16384')).toEqual([{ index: 3, name: 'A, B', memoryMiB: 16384 }]);
  });

  it.each(['', 'No devices were found\n', '0, X, [N/A]\n', 'NVIDIA-SMI has failed because\n'])(
    'finds nothing in %j',
    (text) => expect(parseGpuList(text)).toEqual([]),
  );
});
