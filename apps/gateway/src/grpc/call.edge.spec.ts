import { EventEmitter } from 'node:events';
import { Metadata, status, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';
import { Failure } from '@anneal/contracts';
import { createLogger } from '@anneal/service';
import { noTracer } from '@anneal/tracing';
import { describe, expect, it, vi } from 'vitest';
import type { Admission } from '../keys/admission.js';
import { CallEdge } from './call.edge.js';

/** What the edge uses of a call. */
class TestCall extends EventEmitter {
  readonly metadata = new Metadata();
  request: unknown = Buffer.of();
  readonly sendMetadata = vi.fn();
  readonly end = vi.fn();
  cancelled = false;
  deadline = Infinity;

  getDeadline(): number {
    return this.deadline;
  }

  getPath(): string {
    return '/test';
  }

  get unary(): ServerUnaryCall<object, object> {
    return this as unknown as ServerUnaryCall<object, object>;
  }

  get stream(): ServerWritableStream<object, object> {
    return this as unknown as ServerWritableStream<object, object>;
  }
}

const method = { requestDeserialize: (bytes: Buffer): object => bytes };

function setUp(admit: () => Promise<object> = async () => ({ keyId: 'k', project: 'p', scope: 'submit', limits: {} })) {
  return new CallEdge({ admit } as unknown as Admission, createLogger('gateway', 'silent'), noTracer);
}

describe('the edge of a call', () => {
  it('does nothing for a call that was given up while its key was looked at', async () => {
    for (const give of [
      (call: TestCall) => (call.cancelled = true),
      (call: TestCall) => (call.deadline = Date.now() - 1),
    ]) {
      const call = new TestCall();
      const act = vi.fn(async () => ({}));
      const edge = setUp(async () => {
        give(call);
        return { keyId: 'k', project: 'p', scope: 'submit', limits: {} };
      });
      edge.unary(method, 'submit', act)(call.unary, vi.fn());
      await edge.idle();
      expect(act).not.toHaveBeenCalled();
    }
  });

  it('reads no message of a call that has no good key, and tells one that cannot be read', async () => {
    const requestDeserialize = vi.fn((): object => {
      throw new RangeError('index out of range');
    });
    const refuse = setUp(async () => {
      throw new Failure('UNAUTHORIZED', 'No key.', { remedy: 'None.' });
    });
    const answer = vi.fn();
    refuse.unary({ requestDeserialize }, 'read', async () => ({}))(new TestCall().unary, answer);
    await refuse.idle();
    expect(requestDeserialize).not.toHaveBeenCalled();
    expect(answer).toHaveBeenLastCalledWith(expect.objectContaining({ code: status.UNAUTHENTICATED }));
    const edge = setUp();
    edge.unary({ requestDeserialize }, 'read', async () => ({}))(new TestCall().unary, answer);
    await edge.idle();
    expect(answer).toHaveBeenLastCalledWith(expect.objectContaining({ code: status.INVALID_ARGUMENT }));
  });

  it('tells a stream when its reader has gone', async () => {
    const call = new TestCall();
    const edge = setUp();
    const gone = vi.fn();
    edge.stream(method, 'read', async (_request, _caller, _to, signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      gone();
    })(call.stream);
    await Promise.resolve();
    await Promise.resolve();
    call.emit('cancelled');
    await edge.idle();
    expect(gone).toHaveBeenCalled();
  });

  it('ends streams with a failure that asks to call again when the service stops', async () => {
    const call = new TestCall();
    const edge = setUp();
    const failed = vi.fn();
    call.on('error', failed);
    edge.stop();
    edge.stream(method, 'read', async (_request, _caller, _to, signal) => signal.throwIfAborted())(call.stream);
    await edge.idle();
    expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: status.UNAVAILABLE }));
    expect(call.end).not.toHaveBeenCalled();
  });

  it('hides what went wrong inside', async () => {
    const answer = vi.fn();
    const edge = setUp(async () => {
      throw new Failure('DATABASE_UNAVAILABLE', 'postgres://root:hunter2@db is away', { remedy: 'hunter2' });
    });
    edge.unary(method, 'read', async () => ({}))(new TestCall().unary, answer);
    await edge.idle();
    const [said] = answer.mock.calls[0] as [{ code: number; details: string; metadata: Metadata }];
    expect(said.code).toBe(status.UNAVAILABLE);
    expect(said.details + String(said.metadata.get('grpc-status-details-bin')[0])).not.toContain('hunter2');
  });
});
