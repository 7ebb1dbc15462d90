// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CancelRequest as _anneal_runs_v1_CancelRequest, CancelRequest__Output as _anneal_runs_v1_CancelRequest__Output } from '../../../anneal/runs/v1/CancelRequest.js';
import type { GetRequest as _anneal_runs_v1_GetRequest, GetRequest__Output as _anneal_runs_v1_GetRequest__Output } from '../../../anneal/runs/v1/GetRequest.js';
import type { ListRequest as _anneal_runs_v1_ListRequest, ListRequest__Output as _anneal_runs_v1_ListRequest__Output } from '../../../anneal/runs/v1/ListRequest.js';
import type { ListResponse as _anneal_runs_v1_ListResponse, ListResponse__Output as _anneal_runs_v1_ListResponse__Output } from '../../../anneal/runs/v1/ListResponse.js';
import type { PauseRequest as _anneal_runs_v1_PauseRequest, PauseRequest__Output as _anneal_runs_v1_PauseRequest__Output } from '../../../anneal/runs/v1/PauseRequest.js';
import type { ResumeRequest as _anneal_runs_v1_ResumeRequest, ResumeRequest__Output as _anneal_runs_v1_ResumeRequest__Output } from '../../../anneal/runs/v1/ResumeRequest.js';
import type { RetryRequest as _anneal_runs_v1_RetryRequest, RetryRequest__Output as _anneal_runs_v1_RetryRequest__Output } from '../../../anneal/runs/v1/RetryRequest.js';
import type { Run as _anneal_runs_v1_Run, Run__Output as _anneal_runs_v1_Run__Output } from '../../../anneal/runs/v1/Run.js';
import type { RunUpdate as _anneal_runs_v1_RunUpdate, RunUpdate__Output as _anneal_runs_v1_RunUpdate__Output } from '../../../anneal/runs/v1/RunUpdate.js';
import type { SubmitRequest as _anneal_runs_v1_SubmitRequest, SubmitRequest__Output as _anneal_runs_v1_SubmitRequest__Output } from '../../../anneal/runs/v1/SubmitRequest.js';
import type { SubmitResponse as _anneal_runs_v1_SubmitResponse, SubmitResponse__Output as _anneal_runs_v1_SubmitResponse__Output } from '../../../anneal/runs/v1/SubmitResponse.js';
import type { WatchRequest as _anneal_runs_v1_WatchRequest, WatchRequest__Output as _anneal_runs_v1_WatchRequest__Output } from '../../../anneal/runs/v1/WatchRequest.js';

export interface RunsClient extends grpc.Client {
  Cancel(argument: _anneal_runs_v1_CancelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Cancel(argument: _anneal_runs_v1_CancelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Cancel(argument: _anneal_runs_v1_CancelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Cancel(argument: _anneal_runs_v1_CancelRequest, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  cancel(argument: _anneal_runs_v1_CancelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  cancel(argument: _anneal_runs_v1_CancelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  cancel(argument: _anneal_runs_v1_CancelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  cancel(argument: _anneal_runs_v1_CancelRequest, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  
  Get(argument: _anneal_runs_v1_GetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Get(argument: _anneal_runs_v1_GetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Get(argument: _anneal_runs_v1_GetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Get(argument: _anneal_runs_v1_GetRequest, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  get(argument: _anneal_runs_v1_GetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  get(argument: _anneal_runs_v1_GetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  get(argument: _anneal_runs_v1_GetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  get(argument: _anneal_runs_v1_GetRequest, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  
  List(argument: _anneal_runs_v1_ListRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _anneal_runs_v1_ListRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_anneal_runs_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _anneal_runs_v1_ListRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  List(argument: _anneal_runs_v1_ListRequest, callback: grpc.requestCallback<_anneal_runs_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _anneal_runs_v1_ListRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _anneal_runs_v1_ListRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_anneal_runs_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _anneal_runs_v1_ListRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  list(argument: _anneal_runs_v1_ListRequest, callback: grpc.requestCallback<_anneal_runs_v1_ListResponse__Output>): grpc.ClientUnaryCall;
  
  Pause(argument: _anneal_runs_v1_PauseRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Pause(argument: _anneal_runs_v1_PauseRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Pause(argument: _anneal_runs_v1_PauseRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Pause(argument: _anneal_runs_v1_PauseRequest, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  pause(argument: _anneal_runs_v1_PauseRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  pause(argument: _anneal_runs_v1_PauseRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  pause(argument: _anneal_runs_v1_PauseRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  pause(argument: _anneal_runs_v1_PauseRequest, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  
  Resume(argument: _anneal_runs_v1_ResumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Resume(argument: _anneal_runs_v1_ResumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Resume(argument: _anneal_runs_v1_ResumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Resume(argument: _anneal_runs_v1_ResumeRequest, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  resume(argument: _anneal_runs_v1_ResumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  resume(argument: _anneal_runs_v1_ResumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  resume(argument: _anneal_runs_v1_ResumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  resume(argument: _anneal_runs_v1_ResumeRequest, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  
  Retry(argument: _anneal_runs_v1_RetryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Retry(argument: _anneal_runs_v1_RetryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Retry(argument: _anneal_runs_v1_RetryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  Retry(argument: _anneal_runs_v1_RetryRequest, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  retry(argument: _anneal_runs_v1_RetryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  retry(argument: _anneal_runs_v1_RetryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  retry(argument: _anneal_runs_v1_RetryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  retry(argument: _anneal_runs_v1_RetryRequest, callback: grpc.requestCallback<_anneal_runs_v1_Run__Output>): grpc.ClientUnaryCall;
  
  Submit(argument: _anneal_runs_v1_SubmitRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  Submit(argument: _anneal_runs_v1_SubmitRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_anneal_runs_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  Submit(argument: _anneal_runs_v1_SubmitRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  Submit(argument: _anneal_runs_v1_SubmitRequest, callback: grpc.requestCallback<_anneal_runs_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  submit(argument: _anneal_runs_v1_SubmitRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  submit(argument: _anneal_runs_v1_SubmitRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_anneal_runs_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  submit(argument: _anneal_runs_v1_SubmitRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_anneal_runs_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  submit(argument: _anneal_runs_v1_SubmitRequest, callback: grpc.requestCallback<_anneal_runs_v1_SubmitResponse__Output>): grpc.ClientUnaryCall;
  
  Watch(argument: _anneal_runs_v1_WatchRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_anneal_runs_v1_RunUpdate__Output>;
  Watch(argument: _anneal_runs_v1_WatchRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_anneal_runs_v1_RunUpdate__Output>;
  watch(argument: _anneal_runs_v1_WatchRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_anneal_runs_v1_RunUpdate__Output>;
  watch(argument: _anneal_runs_v1_WatchRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_anneal_runs_v1_RunUpdate__Output>;
  
}

export interface RunsHandlers extends grpc.UntypedServiceImplementation {
  Cancel: grpc.handleUnaryCall<_anneal_runs_v1_CancelRequest__Output, _anneal_runs_v1_Run>;
  
  Get: grpc.handleUnaryCall<_anneal_runs_v1_GetRequest__Output, _anneal_runs_v1_Run>;
  
  List: grpc.handleUnaryCall<_anneal_runs_v1_ListRequest__Output, _anneal_runs_v1_ListResponse>;
  
  Pause: grpc.handleUnaryCall<_anneal_runs_v1_PauseRequest__Output, _anneal_runs_v1_Run>;
  
  Resume: grpc.handleUnaryCall<_anneal_runs_v1_ResumeRequest__Output, _anneal_runs_v1_Run>;
  
  Retry: grpc.handleUnaryCall<_anneal_runs_v1_RetryRequest__Output, _anneal_runs_v1_Run>;
  
  Submit: grpc.handleUnaryCall<_anneal_runs_v1_SubmitRequest__Output, _anneal_runs_v1_SubmitResponse>;
  
  Watch: grpc.handleServerStreamingCall<_anneal_runs_v1_WatchRequest__Output, _anneal_runs_v1_RunUpdate>;
  
}

export interface RunsDefinition extends grpc.ServiceDefinition {
  Cancel: MethodDefinition<_anneal_runs_v1_CancelRequest, _anneal_runs_v1_Run, _anneal_runs_v1_CancelRequest__Output, _anneal_runs_v1_Run__Output>
  Get: MethodDefinition<_anneal_runs_v1_GetRequest, _anneal_runs_v1_Run, _anneal_runs_v1_GetRequest__Output, _anneal_runs_v1_Run__Output>
  List: MethodDefinition<_anneal_runs_v1_ListRequest, _anneal_runs_v1_ListResponse, _anneal_runs_v1_ListRequest__Output, _anneal_runs_v1_ListResponse__Output>
  Pause: MethodDefinition<_anneal_runs_v1_PauseRequest, _anneal_runs_v1_Run, _anneal_runs_v1_PauseRequest__Output, _anneal_runs_v1_Run__Output>
  Resume: MethodDefinition<_anneal_runs_v1_ResumeRequest, _anneal_runs_v1_Run, _anneal_runs_v1_ResumeRequest__Output, _anneal_runs_v1_Run__Output>
  Retry: MethodDefinition<_anneal_runs_v1_RetryRequest, _anneal_runs_v1_Run, _anneal_runs_v1_RetryRequest__Output, _anneal_runs_v1_Run__Output>
  Submit: MethodDefinition<_anneal_runs_v1_SubmitRequest, _anneal_runs_v1_SubmitResponse, _anneal_runs_v1_SubmitRequest__Output, _anneal_runs_v1_SubmitResponse__Output>
  Watch: MethodDefinition<_anneal_runs_v1_WatchRequest, _anneal_runs_v1_RunUpdate, _anneal_runs_v1_WatchRequest__Output, _anneal_runs_v1_RunUpdate__Output>
}
