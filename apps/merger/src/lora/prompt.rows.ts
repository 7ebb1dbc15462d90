/** Which file of a prepared set has its rows; those of earlier versions are lines of JSON. */
export function rowsIn(names: readonly string[]): string {
  return names.includes('train.parquet') ? 'train.parquet' : 'train.jsonl';
}
