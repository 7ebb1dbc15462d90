import { once } from 'node:events';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { OpenDownloads } from './open.downloads.js';

const full = { code: 'RATE_LIMITED', retryable: true };
const content = () => Promise.resolve(Readable.from([Buffer.from('rows')], { objectMode: false }));

describe('downloads', () => {
  it('are refused when too many are open, until one is read to its end or its caller leaves', async () => {
    const downloads = new OpenDownloads(2);
    const [read, left] = [await downloads.begin(content), await downloads.begin(content)];
    await expect(downloads.begin(content)).rejects.toMatchObject(full);
    read.resume();
    await once(read, 'close');
    await downloads.begin(content);
    await expect(downloads.begin(content)).rejects.toMatchObject(full);
    left.destroy();
    await once(left, 'close');
    await downloads.begin(content);
  });

  it('that could not begin do not count', async () => {
    const downloads = new OpenDownloads(1);
    const away = (): Promise<Readable> => Promise.reject(new Error('away'));
    await expect(downloads.begin(away)).rejects.toThrow('away');
    await downloads.begin(content);
  });
});
