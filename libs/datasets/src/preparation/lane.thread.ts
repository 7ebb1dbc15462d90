import { parentPort } from 'node:worker_threads';
import { Lane, type LaneSetup } from './lane.js';
import type { LaneReply, LaneRequest } from './lanes.js';

parentPort?.once('message', (setup: LaneSetup) => {
  const lane = new Lane(setup);
  parentPort?.on('message', (request: LaneRequest) => say(answer(lane, request)));
});

function answer(lane: Lane, request: LaneRequest): LaneReply {
  const { id } = request;
  switch (request.kind) {
    case 'process':
      return { id, result: lane.process(request.rows, request.file) };
    case 'preview':
      return { id, result: request.lines.map((line) => lane.preview(line)) };
    case 'describe':
      return { id, result: lane.facts };
  }
}

function say(reply: LaneReply): void {
  parentPort?.postMessage(reply);
}
