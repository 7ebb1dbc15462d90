import { join } from 'node:path';
import {
  Client,
  credentials,
  Metadata,
  type ClientReadableStream,
  type requestCallback,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { service as health } from 'grpc-health-check';
import type { ListRequest } from './generated/anneal/runs/v1/ListRequest.js';
import type { ListResponse__Output } from './generated/anneal/runs/v1/ListResponse.js';
import type { RetryRequest } from './generated/anneal/runs/v1/RetryRequest.js';
import type { Run__Output } from './generated/anneal/runs/v1/Run.js';
import type { RunUpdate__Output } from './generated/anneal/runs/v1/RunUpdate.js';
import type { SubmitRequest } from './generated/anneal/runs/v1/SubmitRequest.js';
import type { SubmitResponse__Output } from './generated/anneal/runs/v1/SubmitResponse.js';
import type { ErrorInfo__Output } from './generated/google/rpc/ErrorInfo.js';
import { BadRequest, ErrorInfo, Runs, Status } from './protocol.js';

interface As {
  readonly key: string;
  readonly deadline?: Date | number;
}

/** A caller over gRPC, with the client that everybody uses. */
export class TestCaller {
  private readonly client: InstanceType<typeof Runs>;

  constructor(
    readonly address: string,
    private readonly as: As,
  ) {
    this.client = new Runs(address, credentials.createInsecure());
  }

  close(): void {
    this.client.close();
  }

  submit(request: SubmitRequest): Promise<SubmitResponse__Output> {
    return answer((done) => this.client.Submit(request, this.metadata(), this.options(), done));
  }

  get(id: string): Promise<Run__Output> {
    return answer((done) => this.client.Get({ id }, this.metadata(), this.options(), done));
  }

  list(request: ListRequest): Promise<ListResponse__Output> {
    return answer((done) => this.client.List(request, this.metadata(), this.options(), done));
  }

  steer(verb: 'Cancel' | 'Pause' | 'Resume' | 'Retry', id: string): Promise<Run__Output> {
    return answer((done) => this.client[verb]({ id }, this.metadata(), this.options(), done));
  }

  retryFrom(id: string, from: RetryRequest['from']): Promise<Run__Output> {
    return answer((done) =>
      this.client.Retry({ id, ...(from === undefined ? {} : { from }) }, this.metadata(), this.options(), done),
    );
  }

  watch(id: string): Watching {
    return new Watching(this.client.Watch({ id }, this.metadata(), this.options()));
  }

  private metadata(): Metadata {
    const metadata = new Metadata();
    if (this.as.key) metadata.set('authorization', `Bearer ${this.as.key}`);
    return metadata;
  }

  private options(): { deadline?: Date | number } {
    return this.as.deadline === undefined ? {} : { deadline: this.as.deadline };
  }
}

/** What a watcher was told so far, and how it ended. */
export class Watching {
  readonly told: RunUpdate__Output[] = [];
  /** Resolves with nothing when the stream ends well. */
  readonly ended: Promise<ServiceError | undefined>;

  constructor(readonly stream: ClientReadableStream<RunUpdate__Output>) {
    stream.on('data', (update: RunUpdate__Output) => this.told.push(update));
    this.ended = new Promise((resolve) => {
      stream.on('error', (error: ServiceError) => resolve(error));
      stream.on('end', () => resolve(undefined));
    });
  }

  get states(): string[] {
    return this.told.flatMap(({ run }) => (run ? [run.state] : []));
  }
}

interface Refusal {
  readonly code: number;
  readonly message: string;
  readonly info: ErrorInfo__Output;
  readonly fields: string[];
}

/** How a call failed, with its details. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const error = await call.then(
    () => undefined,
    (reason: ServiceError) => reason,
  );
  if (!error) throw new Error('the call did not fail');
  const [trailer] = error.metadata.get('grpc-status-details-bin');
  if (!(trailer instanceof Buffer)) throw new Error(`no details: ${error.message}`);
  const said = Status.deserialize(trailer);
  const detail = (name: string): Buffer =>
    said.details.find(({ type_url }) => type_url.endsWith(`/google.rpc.${name}`))?.value ?? Buffer.of();
  const { fieldViolations } = BadRequest.deserialize(detail('BadRequest'));
  return {
    code: error.code,
    message: said.message,
    info: ErrorInfo.deserialize(detail('ErrorInfo')),
    fields: fieldViolations.map(({ field }) => field).toSorted(),
  };
}

/** What health says of a service, or of the server when it has no name. */
export async function healthOf(address: string, name: string): Promise<unknown> {
  const client = new Client(address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = methodOf(health, 'Check');
  try {
    return await answer<object>((done) =>
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service: name }, done),
    );
  } finally {
    client.close();
  }
}

/** The statuses that a watcher of health is told, until its stream breaks. */
export async function healthUntilTheEnd(address: string, seen: object[]): Promise<void> {
  const client = new Client(address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = methodOf(health, 'Watch');
  const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service: '' });
  stream.on('data', (status: object) => seen.push(status));
  await new Promise((resolve) => stream.once('error', resolve));
  client.close();
}

/** Asks the reflection of a server one question. */
export async function reflected(address: string, question: object): Promise<unknown> {
  const folder = join(
    import.meta.dirname,
    '..',
    '..',
    '..',
    '..',
    'node_modules',
    '@grpc',
    'reflection',
    'build',
    'proto',
  );
  const declared = loadSync(join(folder, 'grpc', 'reflection', 'v1', 'reflection.proto'), { oneofs: true });
  const service = declared['grpc.reflection.v1.ServerReflection'] as ServiceDefinition;
  const { path, requestSerialize, responseDeserialize } = methodOf(service, 'ServerReflectionInfo');
  const client = new Client(address, credentials.createInsecure());
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  try {
    return await new Promise((resolve, reject) => {
      stream.once('data', resolve);
      stream.once('error', reject);
      stream.write(question);
    });
  } finally {
    stream.end();
    client.close();
  }
}

function answer<Response>(call: (done: requestCallback<Response>) => unknown): Promise<Response> {
  return new Promise((resolve, reject) => {
    call((error, response) => {
      if (error) reject(error);
      else if (response === undefined) reject(new Error('there was no answer'));
      else resolve(response);
    });
  });
}

function methodOf<Method>(service: Readonly<Record<string, Method>>, name: string): Method {
  const method = service[name];
  if (!method) throw new Error(`there is no ${name}`);
  return method;
}
