/**
 * Rows of one kind on their way to another thread, by the names that all of them have: an object of each would take as long
 * to hand over as to make.
 */
export type RowColumns<Row> = { readonly [Name in keyof Row]: readonly Row[Name][] };

export function toColumns<Row extends object>(rows: readonly Row[]): RowColumns<Row> {
  const columns: Record<string, unknown> = {};
  for (const name of Object.keys(rows[0] ?? {})) columns[name] = rows.map((row) => row[name as keyof Row]);
  return columns as RowColumns<Row>;
}

export function toRows<Row extends object>(columns: RowColumns<Row>): Row[] {
  const named = Object.entries<readonly unknown[]>(columns);
  const [first] = named;
  return (first?.[1] ?? []).map((_, index) => {
    const row: Record<string, unknown> = {};
    for (const [name, values] of named) row[name] = values[index];
    return row as Row;
  });
}
