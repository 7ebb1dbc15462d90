// The package has no types of its own. This is what is used of it.
declare module 'seek-bzip' {
  class Stream {
    readByte(): number;
    writeByte(byte: number): void;
  }
  const Bunzip: {
    readonly Stream: typeof Stream;
    /** Decodes one stream. An input without `eof` may throw at its end. */
    decode(input: Stream, output: Stream): void;
    readonly Err: { readonly OBSOLETE_INPUT: number };
  };
  export default Bunzip;
}
