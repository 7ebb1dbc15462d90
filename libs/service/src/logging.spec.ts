import { Failure } from '@anneal/contracts';
import { describe, expect, it } from 'vitest';
import { createLogger, logDestination, NestLogger, type Logger } from './logging.js';

function logged(act: (logger: Logger) => void, level = 'info'): string[] {
  const lines: string[] = [];
  act(createLogger('merger', level, { write: (line) => void lines.push(line) }));
  return lines;
}
const only = (lines: string[]): Record<string, unknown> => JSON.parse(lines.join('')) as Record<string, unknown>;

describe('the log', () => {
  it('is one line of JSON per entry, with the name of the service', () => {
    const entry = only(logged((log) => log.info({ runId: 'run-1' }, 'done')));
    expect(entry).toMatchObject({ service: 'merger', level: 'info', runId: 'run-1', msg: 'done' });
    expect(Date.parse(String(entry.time))).toBeGreaterThan(0);
  });

  it('keeps to its level', () => {
    expect(logged((log) => log.info('quiet'), 'warn')).toEqual([]);
  });

  it('cuts credentials out of fields', () => {
    const fields = {
      token: 'hunter2',
      url: 'postgres://merger:hunter2@db',
      store: { secretKey: 'hunter2', endpoint: 'http://store' },
      headers: { authorization: 'Bearer hunter2' },
    };
    const [line = ''] = logged((log) => log.info(fields, 'connected'));
    expect(line).not.toContain('hunter2');
    expect(line).toContain('http://store');
  });

  it('tells of an error what happened and where, and nothing of its connection', () => {
    const cause = Object.assign(new Error('cannot reach nats://merger:hunter2@broker:4222'), { code: 'ECONNREFUSED' });
    const error = Object.assign(new Failure('BROKER_UNAVAILABLE', 'The broker is away.', { remedy: 'Wait.', cause }), {
      client: { password: 'hunter2', host: 'db' },
    });
    const [line = ''] = logged((log) => log.error({ err: error }, 'failed'));
    expect(line).not.toContain('hunter2');
    expect(line).toContain('nats://[cut]@broker:4222');
    expect(only([line])).toMatchObject({
      err: { type: 'Failure', code: 'BROKER_UNAVAILABLE', message: 'The broker is away.' },
    });
  });

  it('goes on without its lines when the disk is full', () => {
    // Every write to it fails as on a disk without room.
    const log = createLogger('merger', 'info', logDestination('/dev/full'));
    const long = 'x'.repeat(400_000);
    expect(() => Array.from({ length: 5 }, () => log.info(long))).not.toThrow();
  });

  it('keeps the chatter of the framework for debugging', () => {
    expect(logged((log) => new NestLogger(log).log('Nest application started', 'Nest'))).toEqual([]);
    expect(logged((log) => new NestLogger(log).error(new Error('broken'), 'Nest'))).toHaveLength(1);
  });
});
