import { join } from 'node:path';
import type { AcceptedRunSpec, BaseModel } from '@anneal/contracts';
import { locateBaseModel, type EngineLocation } from '@anneal/engine';

/** The model in a folder as the base of a run: what every service finds when its spec names it. */
export async function localBase(
  { model }: AcceptedRunSpec,
  folder: string,
  { engine, workDir }: { engine: EngineLocation; workDir: string },
): Promise<BaseModel> {
  const { base } = await locateBaseModel(model, {
    resolveFile: async () => folder,
    hub: { endpoint: 'http://127.0.0.1:9', token: undefined },
    engine,
    workDir: join(workDir, 'test'),
    store: { resolveTag: () => Promise.reject(new Error('not asked')) },
    place: () => Promise.reject(new Error('not asked')),
    signal: new AbortController().signal,
  });
  return base;
}
