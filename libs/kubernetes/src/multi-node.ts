import { jobName, labels, renderJob, type ClusterJob } from './cluster-job.js';

const port = 29_500;

/**
 * One training over the GPUs of several nodes: an indexed Job with a pod a node, and a headless service by whose names they
 * find the first of them, where torch keeps its rendezvous. `processes` of the Job are those of all nodes together.
 *
 * Not run by anybody yet: it is rendered and checked against Kubernetes' schemas, and the trainer does not ask for it.
 */
export function renderMultiNode(job: ClusterJob, nodes: number) {
  const single = renderJob(job);
  const { template } = single.spec;
  const name = jobName(job.identity);
  const address = `${name}-0.${name}`;
  const places = [
    ...[`--num_machines=${nodes}`, '--machine_rank=$(JOB_COMPLETION_INDEX)'],
    ...[`--main_process_ip=${address}`, `--main_process_port=${port}`],
    ...['--rdzv_backend=c10d', `--rdzv_conf=rdzv_timeout=900`],
  ];
  const containers = template.spec.containers.map((container) => ({
    ...container,
    args: withPlaces(container.args, places),
  }));
  return {
    service: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, labels: single.metadata.labels },
      spec: {
        clusterIP: 'None',
        // They look for each other before they are ready.
        publishNotReadyAddresses: true,
        selector: { [labels.job]: job.identity.jobId, [labels.attempt]: String(job.identity.attempt) },
        ports: [{ name: 'rendezvous', port }],
      },
    },
    job: {
      ...single,
      spec: {
        ...single.spec,
        completionMode: 'Indexed',
        completions: nodes,
        parallelism: nodes,
        template: { ...template, spec: { ...template.spec, subdomain: name, containers } },
      },
    },
  };
}

/** The launcher's own words for one machine give way to those for several. */
function withPlaces(args: readonly string[], places: readonly string[]): string[] {
  const others = args.filter((arg) => !/^--(num_machines|main_process_port)=/.test(arg));
  const after = others.indexOf('launch') + 1;
  return [...others.slice(0, after), ...places, ...others.slice(after)];
}
