// Brings the programs that check the chart and docker-compose.yml into the cache folder, for the tests. Plain Node without
// packages, like every installer.
//   node install.mjs        prints { dir, helm, compose, schemas, cached } as JSON
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  cacheKey,
  defaultCache,
  demandSpace,
  findPip,
  installWheels,
  openCache,
  runAsScript,
  runProgram,
  SetupError,
} from '../../libs/setup/setup.mjs';

const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));

/** The oldest that the chart is for, and the newest that there is. */
const versions = ['1.30', '1.37'];

/** @type {import('../../libs/setup/setup.mjs').Purpose} */
const purpose = {
  name: 'Helm, Docker Compose and the schemas of Kubernetes',
  code: 'CONFIG_INVALID',
  diskBytes: 600e6,
  otherwise: 'Linux with x86-64',
};

/**
 * Makes sure that the programs are in the cache, and says where. Any number of processes may call it at once.
 * @param {{cache?: string, log?: (line: string) => void}} [options]
 * @returns {Promise<import('./install.mjs').DeploymentTools>}
 */
export async function installDeploymentTools({ cache = defaultCache(), log = () => {} } = {}) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new SetupError(
      'CONFIG_INVALID',
      'The packaged Helm runs on Linux with x86-64 only.',
      'Run these tests there.',
    );
  openCache(cache);
  const dir = join(cache, `deployment-${cacheKey(readFileSync(requirements), process.platform, process.arch)}`);
  if (isComplete(dir)) return { ...placesIn(dir), cached: true };
  demandSpace(purpose, cache);
  log(`${purpose.name} are missing: 72 MB to download, once.`);
  const finish = (unfinished) => unpack(unfinished, cache, log);
  await installWheels({ purpose, requirements, dir, isComplete, log, finish });
  return { ...placesIn(dir), cached: false };
}

function placesIn(dir) {
  const schemas = versions.map((version) => [version, join(dir, `kubernetes-${version}.json`)]);
  return {
    dir,
    helm: join(dir, 'helm', 'helm'),
    compose: join(dir, 'bin', 'docker-compose'),
    schemas: Object.fromEntries(schemas),
  };
}

function isComplete(dir) {
  const { helm, compose, schemas } = placesIn(dir);
  return [helm, compose, ...Object.values(schemas)].every((file) => existsSync(file));
}

// Helm lies in an archive in an archive, and of 17,000 files of schemas two are read.
const unpacking = `
import io, pathlib, shutil, sys, tarfile, zipfile
here = pathlib.Path(sys.argv[1])
[layer] = here.glob("aws_cdk/*/_jsii/*.tgz")
with tarfile.open(layer) as outer:
    with zipfile.ZipFile(io.BytesIO(outer.extractfile("package/lib/layer.zip").read())) as inner:
        inner.extract("helm/helm", here)
for version in sys.argv[2:]:
    [found] = here.glob(f"kubernetes_validate/kubernetes-json-schema/v{version}.*-local-strict/_definitions.json")
    shutil.copyfile(found, here / f"kubernetes-{version}.json")
`;

async function unpack(dir, cache, log) {
  const { helm, compose } = placesIn(dir);
  const otherwise = `Use ${purpose.otherwise}.`;
  const python = await findPip();
  const args = ['-c', unpacking, dir, ...versions];
  await runProgram('Unpacking Helm and the schemas', otherwise, { purpose, cache, command: python, args });
  for (const folder of ['aws_cdk', 'kubernetes_validate']) rmSync(join(dir, folder), { recursive: true });
  for (const [command, ...words] of [
    [helm, 'version', '--short'],
    [compose, 'version'],
  ]) {
    chmodSync(command, 0o755);
    const version = await runProgram(`Starting ${command}`, otherwise, { purpose, cache, command, args: words });
    log(`  ${version.trim()}`);
  }
}

await runAsScript(import.meta.url, installDeploymentTools);
