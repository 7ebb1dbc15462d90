/** Lays rows out under headings; the widths follow the content. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(headings), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** Cuts a text to a width, on one line. */
export function clip(text: string, width: number): string {
  const flat = onOneLine(text);
  return flat.length <= width ? flat : `${flat.slice(0, width - 1)}…`;
}

/** Cuts the beginning of a text so that its end fits a width, on one line. */
export function clipStart(text: string, width: number): string {
  const flat = onOneLine(text);
  return flat.length <= width ? flat : `…${flat.slice(flat.length - width + 1)}`;
}

function onOneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
