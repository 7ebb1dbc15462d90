import { open } from 'node:fs/promises';
import { Failure } from '@anneal/contracts';
import { z } from 'zod';

const tensorHeader = z.record(z.string(), z.unknown());
const tensor = z.object({ shape: z.array(z.int().min(0)) });
const mostHeaderBytes = 100 * 1024 * 1024;

/** Reads bytes of a file, wherever it is; fewer than asked for at its end. */
export type ReadBytes = (start: number, length: number) => Promise<Buffer>;

/**
 * Counts the numbers of every tensor of a safetensors file from its header: eight bytes of length, then JSON.
 *
 * @throws Failure MODEL_INVALID
 */
export async function countTensors(read: ReadBytes, reference: string): Promise<number> {
  try {
    const length = await read(0, 8);
    const bytes = length.length < 8 ? Infinity : Number(length.readBigUInt64LE());
    if (bytes > mostHeaderBytes) throw new Error('the file ends inside its header');
    const header = await read(8, bytes);
    if (header.length < bytes) throw new Error('the file ends inside its header');
    const entries = Object.entries(tensorHeader.parse(JSON.parse(header.toString('utf8'))));
    const shapes = entries.filter(([name]) => name !== '__metadata__').map(([, value]) => tensor.parse(value).shape);
    return shapes.reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure('MODEL_INVALID', `A weight file of ${reference} cannot be read.`, {
      remedy: 'Fetch or save the model again; the copy is damaged.',
      field: 'model.base',
      cause,
    });
  }
}

/** The same of a local file. */
export async function countParameters(path: string, reference: string): Promise<number> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    return await countTensors(async (start, length) => {
      const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - start)));
      await file.read(bytes, 0, bytes.length, start);
      return bytes;
    }, reference);
  } finally {
    await file.close();
  }
}
