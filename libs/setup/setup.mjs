// What the installers share. Plain Node >= 20.19 without packages: it runs before `npm ci`.
export { cacheKey, defaultCache, demandSpace, openCache } from './cache.mjs';
export { environmentFolder, installEnvironment, isInstalled, packagesIn, uvPackages } from './environment.mjs';
export { explainFileError, explainOutput, explainProgram } from './explain.mjs';
export { fetchPackages } from './fetch-packages.mjs';
export { withLock } from './lock.mjs';
export { findPip, findPython, interpreters } from './python.mjs';
export { reportSetupError, runAsScript } from './script.mjs';
export { SetupError } from './setup-error.mjs';
export { runInstaller, runProgram, toolEnvironment } from './steps.mjs';
export { downloadWheels, installWheels } from './wheels.mjs';
