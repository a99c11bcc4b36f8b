import { createHash, randomBytes } from 'node:crypto'

/** Crockford's base 32: no I, L, O or U, so that nothing is mistaken when it is read out or typed. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
/** 60 bits: with the brake on guesses, and a day to guess in, out of reach; also for whoever has only the hash. */
const LENGTH = 12
const GROUP = 4

/** A new code, as `7Q2M-K4ZT-9V0D`. */
export function newClaimCode(): string {
  const letters = [...randomBytes(LENGTH)].map(byte => ALPHABET[byte % ALPHABET.length]).join('')
  return letters.match(new RegExp(`.{${GROUP}}`, 'g'))!.join('-')
}

/** Reads a code as people type it: in any case, with spaces or dashes anywhere, O for 0, I or L for 1. Null when it is none. */
export function readClaimCode(text: string): string | null {
  const letters = text.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1')
  return letters.length === LENGTH && [...letters].every(letter => ALPHABET.includes(letter)) ? letters : null
}

/** What is stored of a code. */
export function hashClaimCode(letters: string): string {
  return createHash('sha256').update(`trackwire-claim:${letters}`).digest('hex')
}
