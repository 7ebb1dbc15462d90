import { parentPort, workerData } from 'node:worker_threads';
import { Lane, type LaneSetup } from './lane.js';
import type { LaneReply, LaneRequest } from './lanes.js';

const lane = new Lane(workerData as LaneSetup);

parentPort?.on('message', (request: LaneRequest) => {
  const reply: LaneReply =
    request.kind === 'process'
      ? { id: request.id, result: lane.process(request.rows, request.file) }
      : { id: request.id, result: request.lines.map((line) => lane.preview(line)) };
  parentPort?.postMessage(reply);
});
