import { createServer } from 'node:http';
import { z } from 'zod';

// A completions server that answers at once: what is left of a benchmark is what asking and scoring cost.
const body = z.object({ prompt: z.union([z.string(), z.array(z.string())]).optional() });
const answer = { text: ' The answer is (A).', finish_reason: 'stop', logprobs: null };
let served = 0;
let first = 0;
let last = 0;

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    response.setHeader('content-type', 'application/json');
    if (request.url === '/span') {
      response.end(JSON.stringify({ served, seconds: (last - first) / 1000 }));
      [served, first, last] = [0, 0, 0];
    } else if (request.method === 'POST') {
      const { prompt } = body.parse(JSON.parse(Buffer.concat(parts).toString()));
      const count = Array.isArray(prompt) ? prompt.length : 1;
      last = performance.now();
      first ||= last;
      served += count;
      const choices = Array.from({ length: count }, (_, index) => ({ index, ...answer }));
      response.end(
        JSON.stringify({
          id: 'cmpl-1',
          object: 'text_completion',
          model: 'stub',
          choices,
          usage: { completion_tokens: 6 },
        }),
      );
    } else {
      response.end('{"object":"list","data":[{"id":"stub","object":"model"}]}');
    }
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : 0}\n`);
});
