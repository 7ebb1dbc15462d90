import { Option, type Command } from 'commander';

/** How a task of lm-eval is put to a model. */
export interface TaskOptions {
  readonly include?: string;
  readonly prompt?: 'completion' | 'chat';
  readonly oneTurn: boolean;
  readonly system?: string;
}

/** The task, group or tag that `lm-eval:NAME` names; nothing when it is another benchmark. */
export function taskOf(benchmark: string): string | undefined {
  return /^lm-eval:([A-Za-z0-9][A-Za-z0-9_.()-]*)$/.exec(benchmark)?.[1];
}

/** Gives a command the options that say how questions are put. */
export function withTaskOptions(command: Command): Command {
  return command
    .option('--include <dir>', 'with lm-eval: folder with descriptions of own tasks; functions in them are run')
    .addOption(
      new Option(
        '--prompt <form>',
        'with mmlu-pro and lm-eval: a text to be continued, or a conversation for the chat template',
      ).choices(['completion', 'chat']),
    )
    .addOption(
      new Option('--one-turn', 'with lm-eval: all examples in one turn of the conversation, instead of one each')
        .default(false)
        .implies({ prompt: 'chat' }),
    )
    .option('--system <text>', 'with lm-eval: an instruction before everything else');
}
