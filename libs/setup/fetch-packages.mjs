import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packagesName, packagesNote } from './brought-packages.mjs';
import { downloadWheels } from './wheels.mjs';

const buildRequirements = fileURLToPath(new URL('build-requirements.txt', import.meta.url));

/**
 * Fetches sets of packages for a machine without a network, each into a folder of its own below `into`. What is there already
 * is not fetched again.
 * @param {Parameters<typeof import('./setup.mjs').fetchPackages>[0]} fetching
 */
export async function fetchPackages({ sets, cache, into, log }) {
  for (const { purpose, requirements, environment = false } of sets) {
    log(`fetching the packages of ${purpose.name} ...`);
    const folder = join(into, packagesName(requirements));
    mkdirSync(folder, { recursive: true });
    rmSync(join(folder, packagesNote), { force: true });
    await downloadWheels({ purpose, requirements, cache, into: folder, environment });
    // What has no wheel is built where it is installed.
    if (environment) await downloadWheels({ purpose, requirements: buildRequirements, cache, into: folder });
    const { platform, arch } = process;
    const note = { packages: purpose.name, platform, arch, lock: readFileSync(requirements, 'utf8') };
    writeFileSync(join(folder, `${packagesNote}.new`), `${JSON.stringify(note, null, 2)}\n`);
    renameSync(join(folder, `${packagesNote}.new`), join(folder, packagesNote));
  }
}
