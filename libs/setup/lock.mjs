import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheKey } from './cache.mjs';

const pauseMs = 500;

/**
 * Runs `work` while no other process of this machine runs the work of the same name. The lock is an abstract socket
 * (Linux): the kernel gives it back when its holder dies, so that no stale lock can be left behind.
 * @template Result
 * @param {string} name
 * @param {(line: string) => void} log
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result>}
 */
export async function withLock(name, log, work) {
  const address = `\0anneal-${cacheKey(name)}`;
  let lock = await tryLock(address);
  if (!lock) log('Another process is installing the same thing; waiting for it.');
  while (!lock) {
    await sleep(pauseMs);
    lock = await tryLock(address);
  }
  try {
    return await work();
  } finally {
    lock.close();
  }
}

function tryLock(address) {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(address, () => resolve(server));
  });
}
