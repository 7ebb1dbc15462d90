import type { Finding } from './invariants.js';

/** Says what happens while it happens, and counts. */
export class Report {
  private passed = 0;
  private readonly failures: string[] = [];
  private readonly skipped: string[] = [];
  private readonly began = performance.now();

  constructor(private readonly seed: number) {
    this.note(`Seed ${seed}. The same seed makes the same faults: npm run test:faults -- --seed ${seed}`);
  }

  get failed(): boolean {
    return this.failures.length > 0;
  }

  note(line: string): void {
    console.log(line);
  }

  /** @returns whether the system came through */
  async fault(name: string, inject: () => Promise<string>): Promise<boolean> {
    const began = performance.now();
    const seconds = (): string => `${((performance.now() - began) / 1000).toFixed(1)} s`;
    try {
      const detail = await inject();
      this.passed += 1;
      this.note(`✓ ${name} (${seconds()}): ${detail}`);
      return true;
    } catch (error) {
      this.fail(`${name} (${seconds()}): ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }

  /** What goes wrong around the faults themselves counts as a failure, too. */
  async part(name: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.fail(`${name} could not go on: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }

  findings(where: string, findings: readonly Finding[]): void {
    this.note(`  ${where}:`);
    for (const { invariant, holds, detail } of findings) {
      if (holds) this.passed += 1;
      if (holds) this.note(`    ✓ ${invariant}: ${detail}`);
      else this.fail(`${where}: ${invariant}: ${detail}`);
    }
  }

  skip(name: string, reason: string): void {
    this.skipped.push(`${name}: ${reason}`);
  }

  /** Prints the last lines. @returns the exit status */
  end(): number {
    if (this.skipped.length > 0) this.note(`\nSkipped:\n  ${this.skipped.join('\n  ')}`);
    if (this.failed) this.note(`\nSeed ${this.seed} broke:\n  ${this.failures.join('\n  ')}`);
    this.note(`\nIt took ${Math.round((performance.now() - this.began) / 1000)} s.`);
    this.note(`${this.passed} passed, ${this.failures.length} failed, ${this.skipped.length} skipped`);
    return this.failed ? 1 : 0;
  }

  private fail(text: string): void {
    this.failures.push(text);
    this.note(`✗ ${text}`);
  }
}
