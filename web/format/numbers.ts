const COUNT = new Intl.NumberFormat('en');
const NUMBER = new Intl.NumberFormat('en', { maximumSignificantDigits: 15 });
const PERCENT = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });

/** A count as in `12,431`. */
export const formatCount = (count: number): string => COUNT.format(count);

/** A number with all its digits, as in `12,431.5`. */
export const formatNumber = (value: number): string => NUMBER.format(value);

/** The smallest share that is not shown as 0 %. */
const LEAST_SHARE = 0.000_5;

/** A share from 0 to 1 as in `42 %`. With one decimal at most; less is `< 0.1 %`. */
export const formatShare = (share: number): string =>
  share > 0 && share < LEAST_SHARE ? '< 0.1 %' : PERCENT.format(share).replace('%', ' %');

/** A count with its noun: `1 user`, `12,431 users`. */
export const countOf = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;
