import { baseConfigShape, isOffline, parseConfig } from '@anneal/service/config';
import { z } from 'zod';

const { OFFLINE, HF_HUB_OFFLINE } = baseConfigShape;
const config = z.object({ OFFLINE, HF_HUB_OFFLINE });

/** Whether a command may ask nothing outside, by the same variables as the services. */
export function isOfflineHere(): boolean {
  return isOffline(parseConfig(config, process.env));
}
