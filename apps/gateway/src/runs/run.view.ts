import type { RunView } from '@anneal/contracts';
import type { RunRecord } from './run.record.js';

/** What callers see of a run. */
export function toRunView({
  version: _version,
  change: _change,
  turn: _turn,
  renewed: _renewed,
  report: _report,
  ...view
}: RunRecord): RunView {
  return view;
}
