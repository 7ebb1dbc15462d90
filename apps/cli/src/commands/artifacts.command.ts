import { Failure, type ArtifactOfRun } from '@anneal/contracts';
import { type Command } from 'commander';
import { findGateway } from '../gateway/endpoints.js';
import { GatewayClient } from '../gateway/gateway.client.js';
import { bytes } from '../terminal/sizes.js';
import { table } from '../terminal/table.js';
import { clientCommand, printJson, type ClientOptions } from './options.js';

interface ArtifactsOptions extends ClientOptions {
  download?: string;
  only?: string;
}

/** What the stages of a run stored: listed, or fetched. */
export function artifactsCommand(): Command {
  return clientCommand('artifacts', 'list what the stages of a run stored, or fetch it')
    .argument('<run>', 'id of the run')
    .option('--download <dir>', 'fetch them into this folder; what is there already and right is kept')
    .option('--only <kind>', 'only artifacts of this kind, such as adapter, model or report')
    .addHelpText('after', '\nExit status: 0 done, 1 it did not work.')
    .action(async (id: string, options: ArtifactsOptions) => {
      const client = new GatewayClient(await findGateway(options.data));
      const all = await client.artifacts(id);
      const artifacts = all.filter(({ kind }) => options.only === undefined || kind === options.only);
      if (options.only !== undefined && artifacts.length === 0) throw noneOf(options.only, all);
      if (options.download === undefined) {
        if (options.json) return printJson({ artifacts });
        return console.log(artifacts.length === 0 ? 'Its stages have stored nothing yet.' : listOf(artifacts));
      }
      const { downloadArtifacts } = await import('../gateway/download.js');
      const files = await downloadArtifacts(client, id, artifacts, options.download, (file) => {
        process.stderr.write(`${file.path}  ${bytes(file.size)}${file.kept ? '  (was there)' : ''}\n`);
      });
      if (options.json) return printJson({ files });
      console.log(`${files.length} files are in ${options.download}.`);
    });
}

function listOf(artifacts: readonly ArtifactOfRun[]): string {
  const rows = artifacts.map((artifact) => [
    artifact.stage,
    artifact.kind,
    String(artifact.files),
    bytes(artifact.bytes),
    artifact.digest,
  ]);
  return table(['stage', 'kind', 'files', 'size', 'digest'], rows);
}

function noneOf(kind: string, all: readonly ArtifactOfRun[]): Failure {
  const kinds = [...new Set(all.map((artifact) => artifact.kind))];
  return new Failure('ARTIFACT_MISSING', `The run has no artifact of the kind "${kind}".`, {
    remedy: kinds.length > 0 ? `It has: ${kinds.join(', ')}.` : 'Its stages have stored nothing yet.',
  });
}
