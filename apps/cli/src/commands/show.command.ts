import { defaultProject, type RunView } from '@anneal/contracts';
import type { Command } from 'commander';
import { findGateway } from '../gateway/endpoints.js';
import { GatewayClient } from '../gateway/gateway.client.js';
import { alarmLines, attemptLines, datasetLines, outcomeLines, stageLine } from '../terminal/run-lines.js';
import { scoreTable } from '../terminal/scores.js';
import { clientCommand, printJson, type ClientOptions } from './options.js';

export function showCommand(): Command {
  return clientCommand('show', 'show one run: its stages, scores and outcome')
    .argument('<run>', 'id of the run')
    .action(async (id: string, options: ClientOptions) => {
      const run = await new GatewayClient(await findGateway(options.data)).get(id);
      if (options.json) return printJson(run);
      console.log(describeRun(run).join('\n'));
    });
}

function describeRun(run: RunView): string[] {
  return [
    `${run.id}  ${run.name}${run.project === defaultProject ? '' : `  (project ${run.project})`}`,
    ...run.stages.flatMap((stage) => [stageLine(stage), ...attemptLines(stage)]),
    ...(run.dataset ? ['', ...datasetLines(run.dataset)] : []),
    ...(run.results ? ['', scoreTable(run.results), ...alarmLines(run.alarms)] : []),
    ...(run.verdictReason ? ['', run.verdictReason] : []),
    '',
    ...outcomeLines(run),
  ];
}
