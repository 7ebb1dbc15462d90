const candidates = [',', ';', '\t', '|'] as const;
type Delimiter = (typeof candidates)[number];

/** What separates the columns: what occurs most often in the header, outside of quotes; a comma when nothing does. */
export function delimiterOf(text: string): Delimiter {
  const header = firstLine(text);
  const counts = candidates.map((candidate) => header.split(candidate).length);
  return candidates[counts.indexOf(Math.max(...counts))] ?? ',';
}

/** Whether the first two lines have the same number of columns, and more than one. */
export function looksDelimited(text: string): boolean {
  const [first = '', second = ''] = text.split(/\r?\n/);
  const delimiter = delimiterOf(first);
  const columns = withoutQuoted(first).split(delimiter).length;
  return columns > 1 && withoutQuoted(second).split(delimiter).length === columns;
}

function firstLine(text: string): string {
  return withoutQuoted(text).split('\n', 1)[0] ?? '';
}

function withoutQuoted(text: string): string {
  return text.replace(/"(?:[^"]|"")*"/g, '');
}
