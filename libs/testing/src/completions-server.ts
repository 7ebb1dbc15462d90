import { createServer, type Server } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/** What a question to a server was, and to which model. */
export interface AskedServer {
  readonly text: string;
  readonly model: string;
  /** All of a conversation, of which the text is the last part. */
  readonly messages?: readonly { readonly role: string; readonly content: string }[];
}

/** A server that speaks OpenAI's completions for one model, `small`, and answers as a test tells it to. */
export class CompletionsServer {
  readonly asked: AskedServer[] = [];
  /** The answer to a question; none is a refusal. */
  answer: (asked: AskedServer) => string | undefined = ({ text }) => text;
  answerMs = 0;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<CompletionsServer> {
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        void started.reply(Buffer.concat(parts).toString()).then(({ status, body }) => {
          response.writeHead(status, { 'content-type': 'application/json' }).end(body);
        });
      });
    });
    const started = new CompletionsServer(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return started;
  }

  /** Up to /v1. */
  get url(): string {
    const address = this.server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/v1`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async reply(source: string): Promise<{ status: number; body: string }> {
    if (source === '') return { status: 200, body: '{"object":"list","data":[{"id":"small","object":"model"}]}' };
    const {
      model,
      messages,
      prompt = '',
    } = JSON.parse(source) as {
      model: string;
      messages?: { role: string; content: string }[];
      prompt?: string | string[];
    };
    const asked = [messages?.at(-1)?.content ?? prompt]
      .flat()
      .map((text) => ({ text, model, ...(messages ? { messages } : {}) }));
    this.asked.push(...asked);
    await pause(this.answerMs);
    const contents = asked.map((one) => this.answer(one));
    if (contents.includes(undefined)) return { status: 422, body: '{"error":"not this one"}' };
    const choices = contents.map((content, index) => {
      const said = messages ? { message: { role: 'assistant', content } } : { text: content };
      return { index, ...said, finish_reason: 'stop' };
    });
    return { status: 200, body: JSON.stringify({ choices, usage: { completion_tokens: 1 } }) };
  }
}
