/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function untilStopped(onSecond: () => void): { stopped: Promise<void>; signal: AbortSignal } {
  const controller = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    const stop = (): void => {
      if (controller.signal.aborted) {
        onSecond();
        process.exit(130);
      }
      controller.abort();
      resolve();
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
  return { stopped, signal: controller.signal };
}
