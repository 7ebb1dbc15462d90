// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto


export interface RetryRequest {
  'id'?: (string);
}

export interface RetryRequest__Output {
  'id': (string);
}
