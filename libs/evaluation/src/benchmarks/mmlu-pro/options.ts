/** Some rows fill their options up to ten with "N/A". */
export function withoutPadding(options: readonly string[]): string[] {
  return options.filter((option) => option !== 'N/A');
}
