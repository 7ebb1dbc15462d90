import { afterAll } from 'vitest';
import { stopServers } from './jobs.fixture.js';
// One set of servers for all of them: it takes as long to start as the tests to run.
import './database.suite.js';
import './inbox.suite.js';
import './outbox.suite.js';
import './lost-stream.suite.js';
import './dead-letters.suite.js';
import './worker.suite.js';
import './outcomes.suite.js';
import './lease.suite.js';
import './steer.suite.js';
import './renew.suite.js';

afterAll(stopServers);
