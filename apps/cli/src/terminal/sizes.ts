const units = ['B', 'KB', 'MB', 'GB', 'TB'];

/** A number of bytes for a person. */
export function bytes(count: number): string {
  const step = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** step;
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[step] ?? 'B'}`;
}
