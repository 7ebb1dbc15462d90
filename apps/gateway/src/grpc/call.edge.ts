import {
  Metadata,
  status,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type ServerUnaryCall,
  type ServerWritableStream,
  type StatusObject,
} from '@grpc/grpc-js';
import { Failure } from '@anneal/contracts';
import { LOGGER, TRACER, type Logger } from '@anneal/service';
import { contextFrom, inSpan, SpanKind, type Tracer } from '@anneal/tracing';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { toErrorAnswer } from '../http/api-error.js';
import { requestIdOf } from '../http/request-id.js';
import { Admission } from '../keys/admission.js';
import type { Caller, Scope } from '../keys/caller.js';
import { toCallStatus } from './call-status.js';

type Call = Pick<
  ServerUnaryCall<unknown, unknown>,
  'metadata' | 'cancelled' | 'getDeadline' | 'getPath' | 'sendMetadata' | 'once'
>;
type Act = (caller: Caller, signal: AbortSignal) => Promise<void>;
/** What the edge uses of a method's declaration. */
interface Method<Request> {
  readonly requestDeserialize: (bytes: Buffer) => Request;
}

/** Those that are not the caller's doing. */
const serverErrors: ReadonlySet<string> = new Set(['UNKNOWN', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS']);

/** What every call over gRPC passes before its message is read: its id, the API key, limits, and its own deadline. */
@Injectable()
export class CallEdge {
  private readonly stopping = new AbortController();
  private readonly underWay = new Set<Promise<void>>();

  constructor(
    private readonly admission: Admission,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TRACER) private readonly tracer: Tracer,
  ) {}

  unary<Request, Response>(
    method: Method<Request>,
    wanted: Scope,
    act: (request: Request, caller: Caller) => Promise<Response>,
  ): handleUnaryCall<Request, Response> {
    return (call, answer) => {
      const say: Act = async (caller) => answer(null, await act(read(method, call.request), caller));
      this.track(this.traced(call, () => this.pass(call, wanted, say, answer)));
    };
  }

  /** @param act gets a signal that tells when nobody reads any more, or the service stops */
  stream<Request, Response>(
    method: Method<Request>,
    wanted: Scope,
    act: (
      request: Request,
      caller: Caller,
      to: ServerWritableStream<Request, Response>,
      signal: AbortSignal,
    ) => Promise<void>,
  ): handleServerStreamingCall<Request, Response> {
    return (call) => {
      const write: Act = async (caller, signal) => {
        await act(read(method, call.request), caller, call, signal);
        call.end();
      };
      this.track(this.traced(call, () => this.pass(call, wanted, write, (failed) => call.emit('error', failed))));
    };
  }

  /** Ends the streams, which would not end by themselves. */
  stop(): void {
    const remedy = 'Call again: another gateway, or this one after its start, goes on from here.';
    this.stopping.abort(new Failure('NOT_RUNNING', 'This gateway is stopping.', { remedy, retryable: true }));
  }

  /** Resolves when no call is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.underWay);
  }

  private track(passing: Promise<void>): void {
    const done = passing.finally(() => this.underWay.delete(done));
    this.underWay.add(done);
  }

  /** Records the call, within the caller's own trace when its metadata name one. */
  private async traced(call: Call, pass: () => Promise<status>): Promise<void> {
    const method = call.getPath().replace(/^\//, '');
    const form = {
      name: method,
      kind: SpanKind.SERVER,
      parent: contextFrom(textsOf(call.metadata)),
      attributes: { 'rpc.system.name': 'grpc', 'rpc.method': method },
    };
    await inSpan(this.tracer, form, async (span) => {
      const code = status[await pass()];
      span.setAttribute('rpc.response.status_code', code);
      if (serverErrors.has(code)) span.setAttribute('error.type', code);
    });
  }

  /** @returns how the call ended */
  private async pass(call: Call, wanted: Scope, act: Act, fail: (failed: StatusObject) => void): Promise<status> {
    const requestId = requestIdOf(call.metadata.get('x-request-id')[0]);
    const ending = new AbortController();
    const stop = (): void => ending.abort(this.stopping.signal.reason);
    this.stopping.signal.addEventListener('abort', stop);
    if (this.stopping.signal.aborted) stop();
    call.once('cancelled', () => ending.abort());
    let caller: Caller | undefined;
    let code: status = status.OK;
    try {
      call.sendMetadata(metadataOf({ 'x-request-id': requestId }));
      caller = await this.admission.admit(authorizationOf(call.metadata), wanted);
      // Nobody waits for the answer, and a change that is not known to have been made is worse than none.
      if (isOver(call)) code = status.CANCELLED;
      else await act(caller, ending.signal);
    } catch (error) {
      const failed = toCallStatus(error);
      code = call.cancelled ? status.CANCELLED : failed.code;
      const expected = error === ending.signal.reason || toErrorAnswer(error).status < 500;
      if (!expected) this.logger.error({ err: error, requestId, method: call.getPath() }, 'a call failed');
      fail(failed);
    } finally {
      this.stopping.signal.removeEventListener('abort', stop);
      if (caller && wanted !== 'read') this.note(caller, call, { code: status[code], requestId });
    }
    return code;
  }

  private note({ keyId: key, project }: Caller, call: Call, said: { code: string; requestId: string }): void {
    this.logger.info({ audit: true, key, project, method: call.getPath(), ...said }, 'a change was asked for');
  }
}

/**
 * Reads the message of a call, which the server has left unread.
 *
 * @throws Failure REQUEST_INVALID
 */
function read<Request>(method: Method<Request>, unread: unknown): Request {
  try {
    return method.requestDeserialize(z.instanceof(Buffer).parse(unread));
  } catch (cause) {
    throw new Failure('REQUEST_INVALID', 'The message of the call could not be read.', {
      remedy: 'Write it as runs.proto declares it.',
      cause,
    });
  }
}

function isOver(call: Call): boolean {
  return call.cancelled || Number(call.getDeadline()) <= Date.now();
}

function authorizationOf(metadata: Metadata): string | undefined {
  const [given] = metadata.get('authorization');
  return typeof given === 'string' ? given : undefined;
}

function textsOf(metadata: Metadata): Record<string, string> {
  return Object.fromEntries(
    ['traceparent', 'tracestate'].flatMap((name) => {
      const [given] = metadata.get(name);
      return typeof given === 'string' ? [[name, given]] : [];
    }),
  );
}

function metadataOf(entries: Record<string, string>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  return metadata;
}
