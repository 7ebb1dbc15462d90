import type { RunView } from '@anneal/contracts';
import type { RunRecord } from './run.record.js';

/** What callers see of a run. */
export function toRunView({ version: _version, turn: _turn, report: _report, ...view }: RunRecord): RunView {
  return view;
}
