/** Shorter pieces than this occur by chance. */
const fragmentLength = 12;

/** Which of these secrets, by their names, a text holds, in whole or by a piece that would help to guess it. */
export function secretsIn(text: string, secrets: Readonly<Record<string, string>>): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) => {
    if (secret.length < fragmentLength) throw new Error(`the secret ${name} is too short to be looked for`);
    const starts = Array.from({ length: secret.length - fragmentLength + 1 }, (_, start) => start);
    return starts.some((start) => text.includes(secret.slice(start, start + fragmentLength))) ? [name] : [];
  });
}
