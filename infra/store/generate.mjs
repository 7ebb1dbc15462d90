// Writes what each service may do in the store of docker-compose: a policy for each, and the same as the configuration of
// SeaweedFS, which is the other store there. Passwords come from the environment.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { storePolicyOf } from '../../libs/artifacts/dist/index.js';
import { serviceNames } from '../../libs/contracts/dist/index.js';

const policies = serviceNames.map((name) => ({ name, policy: storePolicyOf(name, { own: 'anneal' }) }));
const folder = join(import.meta.dirname, 'policies');
mkdirSync(folder, { recursive: true });
for (const { name, policy } of policies)
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(policy, null, 2)}\n`);

const identity = (name, rights) => ({
  name,
  credentials: [{ accessKey: name, secretKey: `\${S3_PASSWORD_${name.toUpperCase()}}` }],
  ...rights,
});
const seaweedfs = {
  identities: [
    identity('admin', { actions: ['Admin', 'Read', 'Write', 'List', 'Tagging'] }),
    ...serviceNames.map((name) => identity(name, { policyNames: [name] })),
  ],
  policies: policies.map(({ name, policy }) => ({ name, content: JSON.stringify(policy) })),
};
writeFileSync(join(import.meta.dirname, 'seaweedfs.json'), `${JSON.stringify(seaweedfs, null, 2)}\n`);
