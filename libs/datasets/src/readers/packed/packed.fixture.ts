/** Files that other programs packed, since nothing here packs in these forms: bzip2 1.0.8 and liblzma, by way of Python. */
interface PackedText {
  readonly ending: '.bz2' | '.xz';
  readonly compression: 'bzip2' | 'xz';
  /** Two rows, as `twoRows` has them. */
  readonly two: Buffer;
  /** `manyRows`, in three blocks where the form has blocks. */
  readonly many: Buffer;
  readonly nothing: Buffer;
  /** Blank lines, and how many MiB of them. */
  readonly blank: { readonly bytes: Buffer; readonly mebibytes: number };
}

const packed = (base64: string): Buffer => Buffer.from(base64, 'base64');

export const twoRows = [
  { question: 'q1', answer: 'a1' },
  { question: 'q2', answer: 'ä "2"\nand more' },
];

export const manyRows = Array.from({ length: 6000 }, (_, index) => {
  const [one, other] = [index % 7, index % 11];
  return { question: `What is ${one} times ${other}?`, answer: String(one * other) };
});

export const packedTexts: readonly PackedText[] = [
  {
    ending: '.bz2',
    compression: 'bzip2',
    two: packed(
      'QlpoOTFBWSZTWav+quEAACTblAAQUAQwEAAEJiO+igQACAAgAFCgAGgZMgSppB6htRtQPKImy6bdOJVmEJFvhwdulaDtUZBGkkkWB7U9IsFzNBiS4hEqfJ+LuSKcKEhV/1VwgA==',
    ),
    many: packed(
      'QlpoMTFBWSZTWQp2/4AAuyBbgAAQUAR/8ICAImO+ilAFfvASAAABCQYwAEwABMMYACYAAmGMABMAATBNVI09QqNTQHqAAFKqah+qepo0MgMno9UySgfwlA2JQOFLUryqfQn1J8UfcTonROidUdE6JhMJlGEwmEyjCYTgnFGEyjCYTKNEwmEwmEyjCaJlGEwmUYTCaowmEyjCYTCYTKMJhMowmUYTCZRhMJhMJhMJhMowmUYTKMFililgrFLkSgciUDYlA6EoGhKBxJQMklVfBPpRonpPij9CbJsm6Nk2TkVL5JonxRsn2J3R9ieE+Se0eE1RonZMo6Jsm6Nk2TZOaOiaJ2TkntGE8J5R6T0nhOyao4JsmE3Rsmybo2TkmE0TVGiaJomqNE0TVHzSKq+aJXZOCfQmqJXpNE7JonFHNHBPSao2TwnBOick6J1R2TZNUpaKlqiV1R0TUpcQLVSlokOaNk5icKl0TiqVbJDSQ0SGUYTmo6JwTgmiaqVbJDROSYTijgm6MJyJ0SGicUaibJonBOKOCcgWibJwBck6JujijRNUaJujYFwJoC1UiqvIn0JqjonRO6OyeE9J9aPqTypV5RonVHgmE7J4TwnROCeE3RwT2jKOyek9J4TsnpNE9J2TdHhOqPSeE2TyjCdkwnFHZPKPaPCdk7o7JhOCeE6o6JujgnhPSeE6J4Tyj0mytaWCt4lA5koGSUDYlAySgdCUD8EoHElA6koHYlA6koGhKBvJQOxKBoUjdVU3IlaQLVErQFqiVoC1RK0BaolaAtUStVQU5koHeSgYJQNiUDJKBuJQMkoGpKB/mKCskyms8MC/4ABdlu3AAAgoAj/4QEARMd9FKAK/eAkAAACEgxgAJgACYYwAEwABMMYACYAAmCaqRp6hSJoD1AAClVNQ/VPU0aGQGT0eqZJQP4SgbEoHClrS8g+CfQn1J91HVHROidE6o6JhMJhMowmEwmUZRwTgmEwmUYTCaowmEyjCYTCaJhMowmEyjCaJlGEwmUYTKMJhMowmEwmEwmEwmUYTKMJlGEwmEyjCYTCZVYpYpYpYpciUDkSgbEoHQlA0JQOJKBkkqr6k+CfpwT4o+4nJNk3RsmybJyKl8k1R9SbJ9qOyfYnhPmj0nhNE0TujCdE3RsmybJujknVGidk5o9JhPKPCek9J5R2TROCbJlGybJujZNk5JhNUaJomiao0TRNUaJ80iqvmiV2TgnxRqiV6TVHZNE4JyTgntGibJ4TijonNHROidk3RqlLRUtUSuidE0qXAFoVLRIck2TkTiUuicKlWyQ1ENEhhMJzE6JwTgmqNKVbJDROaMJwTgmyZRzE6JDVHBNRN0ao4JwTgnIFqjdHAF1smibJwTVGiaJsmwLiJqBaqRVXgnwTROidUdk7J4T2j6E+hPFKvCaJ0TyJhOyeUeE6o4J5RsnBPSYTsntHpPCd0ek0T0ndGyeUdE9o8JujwmE7JlHBOyeE9J4TujsnZMJxR4TonRNk4o8J6TyjonlHhPaNpa0sUt4lA5koGSUDYlAySgdCUD8EoHElA6koHYlA6koGhKBvJQOxKBoUjdVU1RK1AWqJWgLVErQFqiVoC1RK0BaolaBFOZKB3koGCUDYlAySgbiUDJKBqSgf5igrJMprPPTtfEAUGztwAAIKAI/+EBAETHfRSgCr3gJAlKqoCAGMABMAATDGAAmAAJhjAATAAEwTVST09TSqZAGoMAFKSIJqAyMTGj1TgQV8BBXcQV+BdanhU7VPpU+ovvF2Lup3U7F2LupgsqYLBZUypgsFguqnQsqYLBZUwWhZUypgsqYLKmqmCwWVMFgsqaFgsqYLBYLBYLBYLKmCypgsqYLBYLKmCypgsqYLBYLBZUwWCwXOpzqcxeQgryEFdxBXuIK0IK8RBXAgr71X3C1U9F9RftU3U2LYt1Ni+SKvtU0L6i3U/AXgvwFyp9hei5U0LVTwWC7qbFsWxbqbF8F2LVTyp8F6LKnBcF6L2pwXlTQuqm6mC2LdTYti2L5UwWhaFqpgsqZUwWVMqeYgrzQHSpoXapiA8BZU6CwWqmwuqnotC3U5U6F3U+C7qd1Ogt6mFDJQyAcqnKplQ0RMFDJEtqm4tqpoVdi6kjaUmpSaSkwWC2VOQtC0LKmEreRLKr4LBdC6qbFgvgXdKTQaqYFvUypoWqmqm1CZU2LoqXyp2LYuhaFoWqm1N6E1VMImBBXUXLKnZTQsqYLwXYuVPRfQX0qcSOC1U7FwLBeVOC5U7F1U4LYuqnosF5U9F7U5U8F6LVT2p4LYuC7F6LlTYuCyp4LBdC8qcF6LlTwXgvKmC6FwXYu6mxdC5U9qcF2LguC9Fupypgdggr2EFcCCu4grgQV7iCvUIK8RBXyIK+hBXyIK0IK7CCvoQVpAYRMgGCJkAwiZAMImQDCJkAyhMgGSRR7CCtxBXMQV3EFcCCsEFcCCuogr/i7kinChIBr81MYA=',
    ),
    nothing: packed('QlpoORdyRThQkAAAAAA='),
    blank: {
      mebibytes: 45,
      bytes: packed(
        'QlpoOTFBWSZTWSu/IZQCAK7QAIAQQAAACCAAUGYE1TTlQhEyIKUrEFKVqRBSleYoKyTKayrVoWWADqoqABACCAAAAQQACgzAUpp1UIi1EFBpBQYogoPF3JFOFCQAdNIBAA==',
      ),
    },
  },
  {
    ending: '.xz',
    compression: 'xz',
    two: packed(
      '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4ABOADtdAD2IiieTmMoqLYhFpK/RA9epSouNZ2OMaSSld9Wy69azUnSCiWrVKyTMz7fq4qYYVU3ogXq5MdH70OaLAABeTvm7Kgn3+gABV0+5Ih8zH7bzfQEAAAAABFla',
    ),
    many: packed(
      '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj5FvbAdBdAD2IiieTmMoqLYhFpK+KKmwtCZ/Ux8i3kuFtlTXVEHmWIwe9IEnKuBWT1BsKatWMdTZexMan7TXep1Cax5oCUV4/M1kl+dZOFgQ8IWuQFEu+nMAdNtOKLZdSoZCEwJQjVFJoRSW0dLzUuxqkX3qlCIKjy7aOVxMfOozfV7NxR2ixge8+pBPhC085M8WUUZhJ2rjVbsRJRO/z6/BbJnQ2k2lkDjYQBIGvq3rXv5GvewzX5iIspgL/wH2Csf668E5Jeh8wrYXnGAKwjSM0hle8+AHAH5b7Yp2zeYYDkDoubpfdDAA+t9aLTg15uGkt+zMUaSCfjk1IbHy4dtqMtefbXmVbQe9aVXeNNWRcf/lYUc6/WfpFdNVII5Cr31Fufq4OJrciIdPlurV7/EMBEQY5gmO9a/+fhM5fs5OVc5/3aOg2qeOr9153v23EN9SfbP9tEOWQXqkLRbbuYvUnT2zpn6DpDEqNljMAV4sRwt8yTVmHd/IiPFVElqS9lX+Z5N7/l641P2jDrKJpdmPAYx/SbwXAr9iLh5kVbcIqau3uaQ+0Jwer5NG4ST9AmqpDrI/+m5hRnd8mNYSXw+nQrfz7Uit0zR5bIEL53VM998wzEw4AALCHXR+6EajcAAHsA9y3EQBQuDkascRn+wIAAAAABFla',
    ),
    nothing: packed('/Td6WFoAAATm1rRGAAAAABzfRCEftvN9AQAAAAAEWVo='),
    blank: {
      mebibytes: 4,
      bytes: packed(
        '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj//+YAXVdABBv+7/+o7DdWuo2MfWyyWY32Xh1rhVohYi789ZyAdn3XFx/gCvbBP8Ztw6fS8mK5LsPgKhJPH+bnxOUit5s3qFbt2DZeLKmtPFB3ZNN7iYQIXpFWXAdyfGevhdtgxCrAv0VTP3vByTZOvydRXzVXeuGQhM9Z6BE+DctYN3rcrLkRvZU8Ih1LDDbwlBUkSKXBgNfyXA7FMAyN5ilFQGl6KMJKuyq/1omrHIMFpKnvjmPJOFwnqcjX+woy4XRlZiKfiqR8id19xnABphNmP3Yr9WQD8QlU/j1kTYxBaWw7m/BcE1HDNGREaqtYB26zrEnGFxZhulmUli+6XasWeTlWwUI+cfarfz7Uit0zR5bIEL53VM9+ClkCTuAyyps37U78MS9Ll+qDz5LZkKQEw7/EJP4cXhZ+AvN/5UoRg+p/Hze+5owLlbAj4Xzg4HAZcQlU/j1kTYxBaWw7m/BcE1HDNGREaqtYB26zrEnGFxZhulmUbQSmd2f/xABKwDsc1On/b6ufDEan7eNMW5wnqcjX+woy4XRlZiKfiqR8id19xnABphNmP3Yr9WQD8QlU/j1kTYxBaWw7m/BcE1HDNGREaqtYB26zrEnGFxZhulmUli+6XasWeTlWwUI+cfarfz7Uit0zR5bIEL53VM9+ClkCTuAyyps37U78MS9Ll+qDz5LZkKQEw7/EJP4cXhZ+AvN/5UoRg+p/Hze+5owLlbAj4Xzg4HAZcQlU/j1kTYxBaWw7m/BcE1HDNGREaqtYB26zrEnGFxZhulmUli+6XasWeTlWwUI+cfarfz7Uit0zR5bIEL53VM9+ClkCTuAyyps37U78MS9Ll+qDz5LZkKQEw7/EJP4cXhZ+AvN/5UoRg+p/Hze+5owLlbAj4Xzg4HAZcQlUQ8/soABVQAFAD2mL8cAAAAAAAiHICi3rS3CAAHNBYCAgAIbAiJ/scRn+wIAAAAABFla',
      ),
    },
  },
];

/** One row with SHA-256 as its checksum, which few programs write. */
export const xzWithSha256 = packed(
  '/Td6WFoAAArh+wyhAgAhARYAAAB0L+WjAQAHeyJhIjoxfQoA40ZDICGwQXlRjZYU81YMzXE1Sk7hAd3LiT1pWanWMBwAATgI4oHCORibS5oBAAAAAApZWg==',
);
