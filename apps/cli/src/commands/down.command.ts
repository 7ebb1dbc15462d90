import { Failure } from '@anneal/contracts';
import { Command } from 'commander';
import { dataFolder } from '../gateway/endpoints.js';

// A training that writes its checkpoint first may take a while.
const patienceMs = 180_000;

export function downCommand(): Command {
  return new Command('down')
    .description('stop the system that runs on a data folder')
    .option('--data <dir>', 'data folder (default: ANNEAL_DATA, else .anneal)')
    .action(async (options: { data?: string }) => {
      const data = dataFolder(options.data);
      const { supervisorOf } = await import('@anneal/embedded');
      const pid = supervisorOf(data);
      if (pid === undefined) return console.log(`Nothing runs on ${data}.`);
      process.kill(pid, 'SIGTERM');
      for (
        const end = Date.now() + patienceMs;
        supervisorOf(data) === pid;
        await new Promise((resolve) => setTimeout(resolve, 100))
      ) {
        if (Date.now() > end) {
          throw new Failure('DATA_FOLDER_IN_USE', `Process ${pid} has not stopped within ${patienceMs / 1000} s.`, {
            remedy: `End it with "kill -9 ${pid}"; nothing that was stored is lost.`,
          });
        }
      }
      console.log(`Stopped the system on ${data}.`);
    });
}
