import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Failure } from '@anneal/contracts';
import { parse } from 'yaml';
import { z } from 'zod';

/** How the API server is reached, and as whom. */
export interface ClusterAccess {
  /** For example `https://10.0.0.1:443`. */
  readonly server: string;
  readonly namespace: string;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Asked anew for every request: the token of a service account is replaced every hour. */
  readonly token?: (() => string) | undefined;
  readonly insecure?: boolean | undefined;
}

const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

const kubeConfig = z.object({
  'current-context': z.string().optional(),
  contexts: z.array(
    z.object({
      name: z.string(),
      context: z.object({ cluster: z.string(), user: z.string(), namespace: z.string().optional() }),
    }),
  ),
  clusters: z.array(
    z.object({
      name: z.string(),
      cluster: z.object({
        server: z.url(),
        'certificate-authority': z.string().optional(),
        'certificate-authority-data': z.string().optional(),
        'insecure-skip-tls-verify': z.boolean().optional(),
      }),
    }),
  ),
  users: z.array(
    z.object({
      name: z.string(),
      user: z.looseObject({
        token: z.string().optional(),
        tokenFile: z.string().optional(),
        'client-certificate': z.string().optional(),
        'client-certificate-data': z.string().optional(),
        'client-key': z.string().optional(),
        'client-key-data': z.string().optional(),
      }),
    }),
  ),
});

/**
 * From the file of KUBECONFIG, or from the service account of the pod that this process runs in.
 *
 * @throws Failure CONFIG_INVALID when there is neither, or the file cannot be used
 */
export function clusterAccess(file: string | undefined, namespace: string | undefined): ClusterAccess {
  const access = file === undefined ? ownAccount() : readKubeConfig(file);
  return namespace === undefined ? access : { ...access, namespace };
}

function ownAccount(): ClusterAccess {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = process.env;
  if (host === undefined || !existsSync(`${accountFolder}/token`)) {
    throw invalid('This process runs in no pod with a service account, and KUBECONFIG is not set.');
  }
  const address = host.includes(':') ? `[${host}]` : host;
  return {
    server: `https://${address}:${port}`,
    namespace: readFileSync(`${accountFolder}/namespace`, 'utf8').trim(),
    ca: readFileSync(`${accountFolder}/ca.crt`, 'utf8'),
    token: () => readFileSync(`${accountFolder}/token`, 'utf8').trim(),
  };
}

/** The current context of a file as kubectl reads it. */
export function readKubeConfig(file: string): ClusterAccess {
  let config: z.infer<typeof kubeConfig>;
  try {
    config = kubeConfig.parse(parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw invalid(`${file} cannot be read as a kubeconfig: ${error instanceof Error ? error.message : String(error)}.`);
  }
  const context = config.contexts.find(({ name }) => name === config['current-context'])?.context;
  const cluster = config.clusters.find(({ name }) => name === context?.cluster)?.cluster;
  const user = config.users.find(({ name }) => name === context?.user)?.user;
  if (context === undefined || cluster === undefined || user === undefined) {
    throw invalid(`${file} names no current context with a cluster and a user.`);
  }
  if ('exec' in user || 'auth-provider' in user) {
    throw invalid(`The user of ${file} gets its token from a program, which is not started here.`);
  }
  const pem = (path: string | undefined, data: string | undefined): string | undefined => {
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
    return path === undefined ? undefined : readFileSync(resolve(dirname(file), path), 'utf8');
  };
  const { token, tokenFile } = user;
  const tokenPath = tokenFile === undefined ? undefined : resolve(dirname(file), tokenFile);
  return {
    server: cluster.server.replace(/\/$/, ''),
    namespace: context.namespace ?? 'default',
    ca: pem(cluster['certificate-authority'], cluster['certificate-authority-data']),
    cert: pem(user['client-certificate'], user['client-certificate-data']),
    key: pem(user['client-key'], user['client-key-data']),
    insecure: cluster['insecure-skip-tls-verify'],
    token:
      tokenPath !== undefined
        ? () => readFileSync(tokenPath, 'utf8').trim()
        : token === undefined
          ? undefined
          : () => token,
  };
}

function invalid(message: string): Failure {
  return new Failure('CONFIG_INVALID', message, {
    remedy: 'Run the service in a pod with a service account, or set KUBECONFIG to a file with a token or certificate.',
  });
}
