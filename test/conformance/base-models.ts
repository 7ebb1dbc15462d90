/** Models that jobs may start from, by the names under which clients know them. */
export const baseModels = {
  plain: 'tiny',
  /** As on the Hub: the name has an owner, and arrives in paths as `%2F`. */
  owned: 'acme/slash',
  /** There is nothing behind it, so that its jobs fail. */
  missing: 'nowhere',
} as const;
