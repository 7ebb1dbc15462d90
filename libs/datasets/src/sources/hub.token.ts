import { Failure } from '@anneal/contracts';

/**
 * The token that a RunSpec refers to, at the moment of its use. Only variables meant for Hub tokens may be named: whoever
 * writes a RunSpec must not be able to send other secrets of the service to the Hub.
 *
 * @param secret the value of a variable
 * @throws Failure SECRET_MISSING
 */
export function hubTokenOf(reference: string, secret: (variable: string) => string | undefined): string {
  const variable = reference.replace(/^env:/, '');
  if (!/^HF_TOKEN(_[A-Z0-9_]+)?$/.test(variable)) throw missing(`${variable} is no variable for tokens of the Hub.`);
  const value = secret(variable);
  if (!value) throw missing(`The dataset service has no token in ${variable}.`);
  if (!value.startsWith('hf_')) throw missing(`${variable} holds no token of the Hub; they begin with hf_.`);
  return value;
}

function missing(message: string): Failure {
  return new Failure('SECRET_MISSING', message, {
    remedy:
      'Set HF_TOKEN (or HF_TOKEN_SOMETHING, named by dataset.tokenRef) in the environment of the dataset service.',
    field: 'dataset.tokenRef',
  });
}
