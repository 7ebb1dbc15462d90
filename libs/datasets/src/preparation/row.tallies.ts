import type { DataReport, DataWarning } from '@anneal/contracts';
import type { UsableRow } from './lane.js';

const mostShort = 0.8;
/** A second language in more rows than this is hardly an accident of counting. */
const someLanguage = 0.05;

/** What is counted about the rows of a set, whatever side they fall on. */
export class RowTallies {
  private rows = 0;
  private shortAnswers = 0;
  private leaks = 0;
  private marks = 0;
  private personal = 0;
  private emails = 0;
  private phones = 0;
  private cards = 0;
  /** Digest of the first one. */
  private answer: string | undefined;
  private answersDiffer = false;
  private readonly languages = new Map<string, number>();

  add(row: UsableRow): void {
    this.rows += 1;
    this.answer ??= row.answerDigest;
    this.answersDiffer ||= row.answerDigest !== this.answer;
    this.shortAnswers += Number(row.isShortAnswer);
    this.leaks += Number(row.leaks);
    this.marks += Number(row.marks);
    this.personal += Number(row.email || row.phone || row.card);
    this.emails += Number(row.email);
    this.phones += Number(row.phone);
    this.cards += Number(row.card);
    this.languages.set(row.language, (this.languages.get(row.language) ?? 0) + 1);
  }

  get personalData(): DataReport['personalData'] {
    const { emails, phones, cards } = this;
    return { emails, phones, cards };
  }

  get languageMix(): DataReport['languages'] {
    return [...this.languages]
      .map(([language, rows]) => ({ language, rows }))
      .toSorted((one, other) => other.rows - one.rows || (one.language < other.language ? -1 : 1));
  }

  get warnings(): DataWarning[] {
    const warnings: DataWarning[] = [];
    const warn = (code: DataWarning['code'], rows: number, message: string): void => {
      if (rows > 0) warnings.push({ code, rows, message });
    };
    const { rows, emails, phones, cards } = this;
    if (!this.answersDiffer && rows > 1) warn('identical-answers', rows, 'All rows have the same answer.');
    if (this.shortAnswers >= mostShort * rows)
      warn(
        'short-answers',
        this.shortAnswers,
        `${this.shortAnswers} of ${rows} answers are a single word or number: the model may learn to skip its reasoning.`,
      );
    warn('leaked-system-prompt', this.leaks, `${this.leaks} answers repeat their system prompt.`);
    warn('template-tokens-in-text', this.marks, `${this.marks} rows hold marks of a chat template in their text.`);
    warn(
      'personal-data',
      this.personal,
      `E-mail addresses stand in ${emails} rows, phone numbers in ${phones}, payment cards in ${cards}.`,
    );
    const spoken = this.languageMix.filter(({ language }) => language !== 'undetermined');
    const others = spoken.slice(1).filter(({ rows: some }) => some >= someLanguage * rows);
    const mix = others.map(({ language, rows: some }) => `${language} in ${some}`).join(', ');
    const some = others.reduce((sum, other) => sum + other.rows, 0);
    warn('mixed-languages', some, `Beside ${spoken[0]?.language ?? ''} there is ${mix} of ${rows} rows.`);
    return warnings;
  }
}
