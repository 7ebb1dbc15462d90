export { secretsIn } from './secrets.js';
export { startTestServers, type TestServers } from './servers.js';
export { startSurroundings, type HeardEvent, type Surroundings } from './service/surroundings.js';
export { ServiceUnderTest } from './service/service-under-test.js';
export { localBase } from './service/local-base.js';
export { until } from './service/until.js';
export { sampleEvents, samplePlan, sampleRequest, sampleSpec, specWith } from './run-samples.js';
export { startHub, type HubOptions, type HubRequest, type SmallHub } from './hub/hub.js';
export { makeStandInEngine, writeStandInAdapter, type StandInEngine } from './stand-in-engine/stand-in-engine.js';
export type { StandInFaults } from './stand-in-engine/faults.js';
export {
  makeStandInGenerator,
  type Asked,
  type GeneratorFaults,
  type StandInGenerator,
} from './stand-in-generator/stand-in-generator.js';
export { installedEngine, installedLmEval } from './installed-engine.js';
export { writeOwnTasks } from './own-task.js';
export { letterTokenizer, writeLetterTokenizer } from './letter-tokenizer.js';
export { makeStandInVllm, type StandInVllm, type VllmFaults } from './stand-in-vllm/stand-in-vllm.js';
export { CompletionsServer, type AskedServer } from './completions-server.js';
export { SpanReceiver, type ReceivedSpan } from './otlp/span-receiver.js';
export { objectProblems } from './kubernetes/object-problems.js';
export { restrictedProblems } from './kubernetes/restricted.js';
export { SmallCluster, type ClusterFault } from './cluster/small-cluster.js';
export type { WatchEvent } from './cluster/cluster-objects.js';
export { makeEngineImage } from './cluster/engine-image.js';
export { startPodHost, type PodHost } from './cluster/pod-host.js';
