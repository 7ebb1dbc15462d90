// Original file: libs/contracts/proto/anneal/runs/v1/runs.proto


export interface Problem {
  'field'?: (string);
  'message'?: (string);
}

export interface Problem__Output {
  'field': (string);
  'message': (string);
}
