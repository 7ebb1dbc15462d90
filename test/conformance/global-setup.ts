import type { TestProject } from 'vitest/node';
import { openSystem, type Endpoints } from './system.js';

declare module 'vitest' {
  interface ProvidedContext {
    endpoints: Endpoints;
  }
}

/** Starts one system for all files: each test looks for its own jobs and files among those of the others, as users do. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const system = await openSystem();
  project.provide('endpoints', system.endpoints);
  return async () => {
    if (project.vitest.state.getCountOfFailedTests() > 0)
      process.stderr.write(`The logs of the services are in ${system.keepLogs()}.\n`);
    await system.close();
  };
}
