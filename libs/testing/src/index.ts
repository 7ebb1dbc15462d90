export { startTestServers, type TestServers } from './servers.js';
