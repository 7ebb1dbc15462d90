// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto


export interface ResumeRequest {
  'id'?: (string);
}

export interface ResumeRequest__Output {
  'id': (string);
}
