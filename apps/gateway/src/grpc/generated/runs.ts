import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { CancelRequest as _anneal_runs_v1_CancelRequest, CancelRequest__Output as _anneal_runs_v1_CancelRequest__Output } from './anneal/runs/v1/CancelRequest.js';
import type { ComingRetry as _anneal_runs_v1_ComingRetry, ComingRetry__Output as _anneal_runs_v1_ComingRetry__Output } from './anneal/runs/v1/ComingRetry.js';
import type { Failure as _anneal_runs_v1_Failure, Failure__Output as _anneal_runs_v1_Failure__Output } from './anneal/runs/v1/Failure.js';
import type { GetRequest as _anneal_runs_v1_GetRequest, GetRequest__Output as _anneal_runs_v1_GetRequest__Output } from './anneal/runs/v1/GetRequest.js';
import type { ListRequest as _anneal_runs_v1_ListRequest, ListRequest__Output as _anneal_runs_v1_ListRequest__Output } from './anneal/runs/v1/ListRequest.js';
import type { ListResponse as _anneal_runs_v1_ListResponse, ListResponse__Output as _anneal_runs_v1_ListResponse__Output } from './anneal/runs/v1/ListResponse.js';
import type { PauseRequest as _anneal_runs_v1_PauseRequest, PauseRequest__Output as _anneal_runs_v1_PauseRequest__Output } from './anneal/runs/v1/PauseRequest.js';
import type { Problem as _anneal_runs_v1_Problem, Problem__Output as _anneal_runs_v1_Problem__Output } from './anneal/runs/v1/Problem.js';
import type { Progress as _anneal_runs_v1_Progress, Progress__Output as _anneal_runs_v1_Progress__Output } from './anneal/runs/v1/Progress.js';
import type { ResumeRequest as _anneal_runs_v1_ResumeRequest, ResumeRequest__Output as _anneal_runs_v1_ResumeRequest__Output } from './anneal/runs/v1/ResumeRequest.js';
import type { RetryRequest as _anneal_runs_v1_RetryRequest, RetryRequest__Output as _anneal_runs_v1_RetryRequest__Output } from './anneal/runs/v1/RetryRequest.js';
import type { Run as _anneal_runs_v1_Run, Run__Output as _anneal_runs_v1_Run__Output } from './anneal/runs/v1/Run.js';
import type { RunUpdate as _anneal_runs_v1_RunUpdate, RunUpdate__Output as _anneal_runs_v1_RunUpdate__Output } from './anneal/runs/v1/RunUpdate.js';
import type { RunsClient as _anneal_runs_v1_RunsClient, RunsDefinition as _anneal_runs_v1_RunsDefinition } from './anneal/runs/v1/Runs.js';
import type { StageStatus as _anneal_runs_v1_StageStatus, StageStatus__Output as _anneal_runs_v1_StageStatus__Output } from './anneal/runs/v1/StageStatus.js';
import type { SubmitRequest as _anneal_runs_v1_SubmitRequest, SubmitRequest__Output as _anneal_runs_v1_SubmitRequest__Output } from './anneal/runs/v1/SubmitRequest.js';
import type { SubmitResponse as _anneal_runs_v1_SubmitResponse, SubmitResponse__Output as _anneal_runs_v1_SubmitResponse__Output } from './anneal/runs/v1/SubmitResponse.js';
import type { WatchRequest as _anneal_runs_v1_WatchRequest, WatchRequest__Output as _anneal_runs_v1_WatchRequest__Output } from './anneal/runs/v1/WatchRequest.js';
import type { ListValue as _google_protobuf_ListValue, ListValue__Output as _google_protobuf_ListValue__Output } from './google/protobuf/ListValue.js';
import type { Struct as _google_protobuf_Struct, Struct__Output as _google_protobuf_Struct__Output } from './google/protobuf/Struct.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.js';
import type { Value as _google_protobuf_Value, Value__Output as _google_protobuf_Value__Output } from './google/protobuf/Value.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  anneal: {
    runs: {
      v1: {
        CancelRequest: MessageTypeDefinition<_anneal_runs_v1_CancelRequest, _anneal_runs_v1_CancelRequest__Output>
        ComingRetry: MessageTypeDefinition<_anneal_runs_v1_ComingRetry, _anneal_runs_v1_ComingRetry__Output>
        Failure: MessageTypeDefinition<_anneal_runs_v1_Failure, _anneal_runs_v1_Failure__Output>
        GetRequest: MessageTypeDefinition<_anneal_runs_v1_GetRequest, _anneal_runs_v1_GetRequest__Output>
        ListRequest: MessageTypeDefinition<_anneal_runs_v1_ListRequest, _anneal_runs_v1_ListRequest__Output>
        ListResponse: MessageTypeDefinition<_anneal_runs_v1_ListResponse, _anneal_runs_v1_ListResponse__Output>
        PauseRequest: MessageTypeDefinition<_anneal_runs_v1_PauseRequest, _anneal_runs_v1_PauseRequest__Output>
        Problem: MessageTypeDefinition<_anneal_runs_v1_Problem, _anneal_runs_v1_Problem__Output>
        Progress: MessageTypeDefinition<_anneal_runs_v1_Progress, _anneal_runs_v1_Progress__Output>
        ProgressUnit: EnumTypeDefinition
        ResumeRequest: MessageTypeDefinition<_anneal_runs_v1_ResumeRequest, _anneal_runs_v1_ResumeRequest__Output>
        RetryRequest: MessageTypeDefinition<_anneal_runs_v1_RetryRequest, _anneal_runs_v1_RetryRequest__Output>
        Run: MessageTypeDefinition<_anneal_runs_v1_Run, _anneal_runs_v1_Run__Output>
        RunState: EnumTypeDefinition
        RunUpdate: MessageTypeDefinition<_anneal_runs_v1_RunUpdate, _anneal_runs_v1_RunUpdate__Output>
        Runs: SubtypeConstructor<typeof grpc.Client, _anneal_runs_v1_RunsClient> & { service: _anneal_runs_v1_RunsDefinition }
        Stage: EnumTypeDefinition
        StageState: EnumTypeDefinition
        StageStatus: MessageTypeDefinition<_anneal_runs_v1_StageStatus, _anneal_runs_v1_StageStatus__Output>
        SubmitRequest: MessageTypeDefinition<_anneal_runs_v1_SubmitRequest, _anneal_runs_v1_SubmitRequest__Output>
        SubmitResponse: MessageTypeDefinition<_anneal_runs_v1_SubmitResponse, _anneal_runs_v1_SubmitResponse__Output>
        Verdict: EnumTypeDefinition
        VerdictRule: EnumTypeDefinition
        WatchRequest: MessageTypeDefinition<_anneal_runs_v1_WatchRequest, _anneal_runs_v1_WatchRequest__Output>
      }
    }
  }
  google: {
    protobuf: {
      ListValue: MessageTypeDefinition<_google_protobuf_ListValue, _google_protobuf_ListValue__Output>
      NullValue: EnumTypeDefinition
      Struct: MessageTypeDefinition<_google_protobuf_Struct, _google_protobuf_Struct__Output>
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
      Value: MessageTypeDefinition<_google_protobuf_Value, _google_protobuf_Value__Output>
    }
  }
}

