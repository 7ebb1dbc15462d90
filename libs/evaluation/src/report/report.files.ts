import type { EvaluationReport } from '@anneal/contracts';
import { itemsParquet } from './items.parquet.js';
import { reportPage } from './page.js';

/**
 * The files of the artifact `report`: for programs, for people, and for whoever asks the items something of their own.
 *
 * @param directory for files that are gone again when this ends
 */
export async function reportFiles(
  report: EvaluationReport,
  directory: string,
): Promise<{ path: string; source: Buffer }[]> {
  return [
    { path: 'report.json', source: Buffer.from(`${JSON.stringify(report, undefined, 1)}\n`) },
    { path: 'report.html', source: Buffer.from(reportPage(report)) },
    { path: 'items.parquet', source: await itemsParquet(report, directory) },
  ];
}
