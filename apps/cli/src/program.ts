import { build } from '@anneal/service/build';
import { Command } from 'commander';
import { artifactsCommand } from './commands/artifacts.command.js';
import { askCommand } from './commands/ask.command.js';
import { bundleCommand } from './commands/bundle.command.js';
import { compareCommand } from './commands/compare.command.js';
import { dataCommands } from './commands/data.command.js';
import { deadLettersCommand } from './commands/deadletters.command.js';
import { demoCommand } from './commands/demo.command.js';
import { doctorCommand } from './commands/doctor.command.js';
import { downCommand } from './commands/down.command.js';
import { estimateCommand } from './commands/estimate.command.js';
import { evaluateCommand } from './commands/evaluate.command.js';
import { hostsCommand } from './commands/hosts.command.js';
import { keysCommand } from './commands/keys.command.js';
import { migrateCommand } from './commands/migrate.command.js';
import { promptCommand } from './commands/prompt.command.js';
import { rescoreCommand } from './commands/rescore.command.js';
import { runsCommand } from './commands/runs.command.js';
import { showCommand } from './commands/show.command.js';
import { steerCommands } from './commands/steer.commands.js';
import { supportBundleCommand } from './commands/support-bundle.command.js';
import { trainCommand } from './commands/train.command.js';
import { upCommand } from './commands/up.command.js';

/** All commands. Exit status: 0 done, 1 it did not work, 2 the call was wrong. */
export function buildProgram(): Command {
  const program = new Command('anneal')
    .description('Turns a fine-tuning request into a published, evaluated language model on your own machine.')
    .version(build.version, '--version', 'print the version of this command')
    .showHelpAfterError('(see --help)')
    .exitOverride((error) => {
      process.exit(error.exitCode === 0 ? 0 : 2);
    });
  for (const command of [
    upCommand(),
    downCommand(),
    trainCommand(),
    estimateCommand(),
    runsCommand(),
    showCommand(),
    hostsCommand(),
    artifactsCommand(),
    ...steerCommands(),
    dataCommands(),
    deadLettersCommand(),
    keysCommand(),
    doctorCommand(),
    supportBundleCommand(),
    bundleCommand(),
    askCommand(),
    evaluateCommand(),
    rescoreCommand(),
    compareCommand(),
    promptCommand(),
    demoCommand(),
    migrateCommand(),
  ]) {
    program.addCommand(inheriting(program, command));
  }
  return program;
}

/** Also the commands of a command: a wrong call ends with 2 wherever it is wrong. */
function inheriting(parent: Command, command: Command): Command {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheriting(command, child);
  return command;
}
