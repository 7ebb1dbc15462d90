export interface PersonalData {
  readonly email: boolean;
  readonly phone: boolean;
  readonly card: boolean;
}

const email = /[\w.+-]{1,64}@[a-z0-9-]{1,63}\.[a-z]{2,24}/i;
// What may not stand before a number is looked for behind its first sign, which few places of a text have.
/** An international number. */
const international = /\+(?<!(?:\w|\d\.)\+)\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}(?!\w|\.\d)/;
/** The end of a North American number. */
const lineNumber = /\d{3}[ .-]\d{4}(?!\w|\.\d)/;
/** A North American number with separators. Bare digits are too often anything else. */
const northAmerican = /(?<!\w|\d\.)\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\w|\.\d)/;
const cardLike = /\d(?<!(?:\w|\d\.)\d)(?:[ -]?\d){12,18}(?!\w|\.\d)/g;

/** Looks for patterns of personal data. Found ones are counted, never shown. */
export function findPersonalData(text: string): PersonalData {
  const digits = /\d{3}/.test(text);
  return {
    email: text.includes('@') && email.test(text),
    phone: digits && hasPhone(text),
    card: digits && (text.match(cardLike) ?? []).some((found) => isCard(found.replace(/[ -]/g, ''))),
  };
}

function hasPhone(text: string): boolean {
  return (text.includes('+') && international.test(text)) || (lineNumber.test(text) && northAmerican.test(text));
}

/** The check digit of payment cards (Luhn, ISO/IEC 7812-1); runs of one digit pass it, but are no cards. */
export function isCard(digits: string): boolean {
  if (digits.length < 13 || digits.length > 19 || /^(\d)\1*$/.test(digits) || !/^[2-6]/.test(digits)) return false;
  let sum = 0;
  for (let at = 0; at < digits.length; at += 1) {
    const digit = Number(digits[digits.length - 1 - at]);
    const doubled = at % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
