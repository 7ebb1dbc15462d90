import type { Progress, RunView } from '@anneal/contracts';
import { stageLine, progressText } from './run-lines.js';

/** Shows a run as it goes on. */
export interface LiveRun {
  run(view: RunView): void;
  progress(progress: Progress): void;
  end(): void;
}

/** On a terminal the stages are redrawn in place; elsewhere every change becomes a line, and progress one now and then. */
export function liveRun(stream: NodeJS.WriteStream): LiveRun {
  return stream.isTTY ? new RedrawnRun(stream) : new PrintedRun(stream);
}

class RedrawnRun implements LiveRun {
  private drawn = 0;
  private view: RunView | undefined;

  constructor(private readonly stream: NodeJS.WriteStream) {}

  run(view: RunView): void {
    this.view = view;
    this.draw();
  }

  progress(progress: Progress): void {
    const stage = this.view?.stages.find((entry) => entry.stage === progress.stage);
    if (!stage || stage.state === 'succeeded' || stage.state === 'failed') return;
    stage.state = 'running';
    stage.progress = progress;
    this.draw();
  }

  end(): void {
    this.draw();
  }

  private draw(): void {
    if (!this.view) return;
    const width = this.stream.columns;
    const up = this.drawn > 0 ? `\u001b[${this.drawn}A` : '';
    // Lines that wrap would break the count of lines to go up.
    const lines = this.view.stages.map((stage) => `\u001b[2K${cut(stageLine(stage), width)}\n`);
    this.stream.write(up + lines.join(''));
    this.drawn = lines.length;
  }
}

function cut(line: string, width: number): string {
  // Escape sequences take no room; the slack of 12 covers the two that a line has.
  return line.length > width + 12 ? line.slice(0, width + 11) : line;
}

const printEveryMs = 10_000;

class PrintedRun implements LiveRun {
  private readonly states = new Map<string, string>();
  private readonly phases = new Map<string, { phase: string; at: number }>();

  constructor(private readonly stream: NodeJS.WriteStream) {}

  run(view: RunView): void {
    for (const stage of view.stages) {
      if (stage.state === 'waiting' || this.states.get(stage.stage) === stage.state) continue;
      this.states.set(stage.stage, stage.state);
      if (stage.state !== 'running') this.stream.write(`${stageLine(stage)}\n`);
    }
  }

  progress(progress: Progress): void {
    const last = this.phases.get(progress.stage);
    const complete = progress.done !== undefined && progress.done === progress.total;
    if (last?.phase === progress.phase && !complete && Date.now() - last.at < printEveryMs) return;
    this.phases.set(progress.stage, { phase: progress.phase, at: Date.now() });
    this.stream.write(`▸ ${progress.stage.padEnd(10)} ${progressText(progress)}\n`);
  }

  end(): void {}
}
