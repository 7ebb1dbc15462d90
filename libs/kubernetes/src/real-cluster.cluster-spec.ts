import { describeClusterContract } from './cluster.contract.suite.js';

/** Only run by `npm run test:kubernetes`, which says what it needs. */
describeClusterContract('the cluster of KUBECONFIG', () => {
  const { KUBECONFIG = '', ANNEAL_TEST_IMAGE: image = 'busybox:1.37' } = process.env;
  return Promise.resolve({ kubeConfig: KUBECONFIG, image, patienceMs: 300_000 });
});
