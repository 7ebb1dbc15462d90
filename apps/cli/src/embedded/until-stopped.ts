/** Resolves at the first SIGINT or SIGTERM, or when the terminal is closed; a second one of the two ends the process at once. */
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
    // Shell and kernel may both say that the terminal is closed. Unheard, it would leave the servers without a supervisor.
    process.on('SIGHUP', () => {
      if (!controller.signal.aborted) stop();
    });
  });
  return { stopped, signal: controller.signal };
}
