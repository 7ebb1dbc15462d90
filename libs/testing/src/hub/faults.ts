/** The calls of the protocol that can be made to fail. */
export type HubCall =
  | 'whoami'
  | 'create'
  | 'delete'
  | 'info'
  | 'commits'
  | 'tree'
  | 'preupload'
  | 'lfs-batch'
  | 'lfs-upload'
  | 'commit'
  | 'download';

export type HubFault =
  /** Answers with this status and does nothing. */
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: number }
  /** Breaks the connection before anything is done. */
  | { readonly kind: 'drop-request' }
  /** Does all that was asked for and breaks the connection instead of saying so. */
  | { readonly kind: 'drop-answer' }
  /** Breaks the connection in the middle of the answer. */
  | { readonly kind: 'cut-answer' }
  /** Lets something happen first, such as a commit of somebody else. */
  | { readonly kind: 'meanwhile'; readonly act: () => void | Promise<void> };

/** Switches for what goes wrong: each fault waits for its call and is used up by it. */
export class HubFaults {
  private waiting: { call: HubCall; fault: HubFault; left: number }[] = [];

  add(call: HubCall, fault: HubFault, times = 1): void {
    this.waiting.push({ call, fault, left: times });
  }

  clear(): void {
    this.waiting = [];
  }

  /** The fault that this call has to suffer, if any. */
  take(call: HubCall): HubFault | undefined {
    const found = this.waiting.find((entry) => entry.call === call && entry.left > 0);
    if (found) found.left -= 1;
    return found?.fault;
  }
}
