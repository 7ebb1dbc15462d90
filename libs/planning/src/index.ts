export { combination, layouts, layoutOf, methods, strategies, type Strategy } from './combinations.js';
export { estimateTraining, refusalOf } from './estimate.js';
export { estimateRun } from './estimate.run.js';
export { correctionOf, measuring, type Correction } from './memory/correction.js';
export { hostsOf, parseHosts, type Hosts } from './hosts.js';
export { familyOf, templateOf, type Family } from './families/families.js';
export { readModelConfig } from './model/model.config.js';
export { modelShape, type ModelShape } from './model/model.shape.js';
export { resolvePlan, type PlanInput, type ResolvedPlan } from './plan/resolve.plan.js';
