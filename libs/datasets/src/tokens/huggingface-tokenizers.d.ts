// The package's own types name their files without endings, which Node's resolution does not follow. This is what is used of it;
// the last two are no part of what it promises, and the test against Python's tokenizer tells when they change.
declare module '@huggingface/tokenizers' {
  export class Tokenizer {
    constructor(tokenizer: object, config: object);
    encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
    added_tokens_map: ReadonlyMap<string, { lstrip: boolean; rstrip: boolean }>;
    splitter_unnormalized: { split(text: string): string[] };
  }
}
