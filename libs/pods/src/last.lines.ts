/** The last lines of an output, which say why it ended. */
export class LastLines {
  private lines: string[] = [];

  constructor(private readonly most: number) {}

  add(line: string): void {
    this.lines.push(line);
    if (this.lines.length > this.most) this.lines.shift();
  }

  clear(): void {
    this.lines = [];
  }

  get text(): string {
    return this.lines.join('\n');
  }
}
