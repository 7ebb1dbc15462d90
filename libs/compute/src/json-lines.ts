export async function followJsonLines(
  _path: string,
  _onLine: (value: unknown, raw: string) => void,
  _options: { signal: AbortSignal },
): Promise<void> {
  throw new Error('not yet');
}
