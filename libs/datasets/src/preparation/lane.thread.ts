import { parentPort, workerData } from 'node:worker_threads';
import { Lane, type LaneSetup } from './lane.js';
import type { LaneReply, LaneRequest } from './lanes.js';

const lane = new Lane(workerData as LaneSetup);

parentPort?.on('message', (request: LaneRequest) => {
  const { id } = request;
  switch (request.kind) {
    case 'process':
      return say({ id, result: lane.process(request.rows, request.file) });
    case 'preview':
      return say({ id, result: request.lines.map((line) => lane.preview(line)) });
    case 'describe':
      return say({ id, result: lane.facts });
  }
});

function say(reply: LaneReply): void {
  parentPort?.postMessage(reply);
}
