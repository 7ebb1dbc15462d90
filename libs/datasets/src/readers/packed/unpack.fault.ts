/** What is wrong with a packed file. */
export type UnpackFault = 'cut-off' | 'broken' | 'unsupported';

/** Plain enough to come out of a thread: of an error, only the properties do. */
export class UnpackError extends Error {
  constructor(readonly fault: UnpackFault) {
    super(`the packed content is ${fault}`);
  }
}

/** What an error says about a packed file; nothing when it is about something else. */
export function faultOf(error: unknown): UnpackFault | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('fault' in error) return error.fault as UnpackFault;
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'Z_BUF_ERROR') return 'cut-off';
  return /^(Z_|ERR_ZSTD|ZSTD_)/.test(code) ? 'broken' : undefined;
}
