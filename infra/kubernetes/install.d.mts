export interface DeploymentTools {
  dir: string;
  helm: string;
  /** The program that `docker compose` runs. */
  compose: string;
  /** Definitions of all objects, with unknown fields refused, by the version of Kubernetes. */
  schemas: Record<'1.30' | '1.37', string>;
  cached: boolean;
}

/** Throws a `SetupError` of @anneal/setup: CONFIG_INVALID elsewhere than on Linux with x86-64. */
export function installDeploymentTools(options?: {
  cache?: string;
  log?: (line: string) => void;
}): Promise<DeploymentTools>;
