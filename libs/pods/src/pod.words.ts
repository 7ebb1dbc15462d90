import { failureCode, manifestFile } from '@anneal/contracts';
import { z } from 'zod';

const { path, size, sha256 } = manifestFile.shape;
const files = z.record(path, z.object({ size, sha256 }));
const offer = { word: z.literal('offer'), id: z.string().min(1).max(100), files };

/** What the pod runner says, one JSON object a line after the mark. */
const podWord = z.discriminatedUnion('word', [
  z.object({ word: z.literal('event'), event: z.unknown() }),
  z.object({ word: z.literal('fetched'), bytes: z.int() }),
  z.object({ word: z.literal('started'), pid: z.int() }),
  z.discriminatedUnion('what', [
    z.object({ ...offer, what: z.literal('checkpoint'), step: z.int().min(0) }),
    z.object({ ...offer, what: z.literal('result') }),
  ]),
  z.object({
    word: z.literal('sent'),
    id: z.string(),
    files: z.record(path, z.object({ uploadId: z.string(), etags: z.array(z.string()).max(10_000) })),
  }),
  z.object({ word: z.literal('ended'), code: z.int() }),
  z.object({ word: z.literal('failed'), code: failureCode, message: z.string().max(2000) }),
]);
export type PodWord = z.infer<typeof podWord>;
export type PodOffer = Extract<PodWord, { word: 'offer' }>;

const mark = /@anneal (\{.*\})\s*$/;

/** The word in a line of a pod's log; undefined for what the work itself said, and for words of later runners. */
export function readPodWord(line: string): PodWord | 'unknown' | undefined {
  const said = mark.exec(line)?.[1];
  if (said === undefined) return undefined;
  try {
    const parsed = podWord.safeParse(JSON.parse(said));
    return parsed.success ? parsed.data : 'unknown';
  } catch {
    return undefined;
  }
}
