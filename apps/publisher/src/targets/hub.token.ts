import { Failure } from '@anneal/contracts';

/**
 * The token itself, at the moment of its use. Only variables meant for Hub tokens may be named: whoever writes a RunSpec
 * must not be able to send the publisher's other secrets to the Hub.
 *
 * @throws Failure SECRET_MISSING
 */
export function hubToken(reference = 'env:HF_TOKEN'): string {
  const variable = reference.replace(/^env:/, '');
  if (!/^HF_TOKEN(_[A-Z0-9_]+)?$/.test(variable)) {
    throw missing(`${variable} is no variable for tokens of the Hub.`);
  }
  const value = process.env[variable];
  if (!value) throw missing(`The publisher has no token in ${variable}.`);
  if (!value.startsWith('hf_')) throw missing(`${variable} holds no token of the Hub; they begin with hf_.`);
  return value;
}

function missing(message: string): Failure {
  return new Failure('SECRET_MISSING', message, {
    remedy: 'Set HF_TOKEN (or HF_TOKEN_SOMETHING, named by publish.tokenRef) in the environment of the publisher.',
    field: 'publish.tokenRef',
  });
}
