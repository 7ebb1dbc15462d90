/** What went wrong (`message`, one sentence), its failure code, and what to do about it (`remedy`, one sentence). */
export class SetupError extends Error {
  name = 'SetupError';

  /**
   * @param {import('./setup.mjs').SetupCode} code
   * @param {string} message
   * @param {string} remedy
   * @param {{cause?: unknown}} [options]
   */
  constructor(code, message, remedy, options) {
    super(message, options);
    this.code = code;
    this.remedy = remedy;
  }
}
