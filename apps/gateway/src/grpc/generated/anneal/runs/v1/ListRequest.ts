// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto


export interface ListRequest {
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListRequest__Output {
  'pageSize': (number);
  'pageToken': (string);
}
