/** How much it takes to believe something: so many fixes in a row, or so many seconds, whichever comes first. */
export interface Confirmation {
  readonly minFixes?: number
  readonly minSeconds?: number
}

const DEFAULT_MIN_FIXES = 2

/**
 * Whether `count` fixes in a row over `seconds` are enough. Without settings two fixes are, so that one bad fix changes nothing;
 * with `minSeconds` alone only the time counts.
 */
export function isConfirmed({ minFixes, minSeconds }: Confirmation, count: number, seconds: number): boolean {
  if (minSeconds === undefined) return count >= (minFixes ?? DEFAULT_MIN_FIXES)
  return seconds >= minSeconds || (minFixes !== undefined && count >= minFixes)
}

/** `1 of 2 fixes`, `1 fix, 3 of 10 s` */
export function progress({ minFixes, minSeconds }: Confirmation, count: number, seconds: number): string {
  const fixes = minSeconds === undefined ? (minFixes ?? DEFAULT_MIN_FIXES) : minFixes
  return [
    fixes === undefined ? undefined : `${count} of ${fixes} fixes`,
    minSeconds === undefined ? undefined : `${seconds} of ${minSeconds} s`,
  ]
    .filter(part => part !== undefined)
    .join(' or ')
}
