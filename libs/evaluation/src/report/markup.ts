/** HTML or SVG that is safe to show: made by `html`, which escapes all that is put into it. */
export class Markup {
  constructor(readonly text: string) {}
}

type Shown = string | number | Markup | readonly Shown[];

/** A tagged template: what is put in is escaped, unless it is markup itself; lists are put in one after another. */
export function html(parts: TemplateStringsArray, ...values: readonly Shown[]): Markup {
  const pieces = parts.map((part, index) => part + shown(values[index] ?? ''));
  return new Markup(pieces.join(''));
}

function shown(value: Shown): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === 'string' || typeof value === 'number') return escaped(String(value));
  return value.map(shown).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  // Control characters are not allowed in HTML and would be invisible besides.
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '').replace(/[^\P{Cc}\t\n]/gu, '\uFFFD');
}
