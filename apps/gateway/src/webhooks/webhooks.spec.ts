import { describe, expect, it } from 'vitest';
import { signatures } from './signature.js';
import { requireTarget, webhookTargets } from './target.js';

describe('a signature', () => {
  it('is the one of the Standard Webhooks reference', () => {
    const signed = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1_614_265_330, body: '{"test": 2432232314}' };
    expect(signatures(['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'], signed)).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    );
  });

  it('stands twice while an old secret is good', () => {
    const signed = { id: 'a', timestamp: 1, body: '{}' };
    expect(signatures(['whsec_AAAA', 'whsec_BBBB'], signed).split(' ')).toHaveLength(2);
  });
});

describe('a target', () => {
  it.each([
    'http://example.com/',
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://0x7f.1/',
    'https://2130706433/',
    'https://user:password@example.com/',
    'ftp://example.com/',
    'file:///etc/passwd',
    'no address',
  ])('%s is refused', (url) => {
    expect(() => requireTarget(url, ['public'])).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID', field: 'url' }),
    );
  });

  it('may be anything that speaks HTTP where the operator says so', () => {
    expect(requireTarget('http://127.0.0.1:80/', ['any']).port).toBe('');
    expect(() => requireTarget('ftp://example.com/', ['any'])).toThrow();
  });
});

describe('the targets of an offline gateway', () => {
  const targets = (allowed: 'public' | 'any', offline: boolean) =>
    webhookTargets({ WEBHOOK_TARGETS: allowed, OFFLINE: offline, HF_HUB_OFFLINE: false });

  it('lie inside its network, where those are allowed', () => {
    expect(requireTarget('http://10.0.0.7/hook', targets('any', true)).hostname).toBe('10.0.0.7');
    expect(() => requireTarget('https://8.8.8.8/hook', targets('any', true))).toThrow(/lies outside/);
    expect(() => requireTarget('https://example.com/hook', targets('public', true))).toThrow(/is none/);
    expect(requireTarget('https://example.com/hook', targets('public', false)).hostname).toBe('example.com');
  });
});
