import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { TrackwireError } from '../../contract/index.ts'

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)

/** OWASP's 2023 advice of equal strength to N=2^17, p=1, with a quarter of the memory: 32 MiB a computation. */
const COST = { N: 2 ** 15, r: 8, p: 3 }
const KEY_BYTES = 32
const SALT_BYTES = 16
const MAX_MEMORY_BYTES = 256 * 1_024 * 1_024

export const SHORTEST_PASSWORD = 8

/** Errors: `password_weak`. */
export function checkPassword(password: string, userId: string): void {
  if ([...password].length < SHORTEST_PASSWORD) {
    throw new TrackwireError('password_weak', `the password is too short; use at least ${SHORTEST_PASSWORD} characters`)
  }
  if (password.toLowerCase() === userId.toLowerCase()) {
    throw new TrackwireError('password_weak', 'the password is the user id; choose another one')
  }
}

/** 96 random bits, for a person to type once. */
export function generatePassword(): string {
  return randomBytes(12).toString('base64url')
}

/** `scrypt$N$r$p$salt$key`, salt and key in base64url: the parameters travel with the hash, so they can be raised later. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const key = await derive(password.normalize('NFC'), salt, KEY_BYTES, { ...COST, maxmem: MAX_MEMORY_BYTES })
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), key.toString('base64url')].join('$')
}

/** Whether the password is the one hashed; compares in constant time. A malformed hash is a `TypeError` (a fault of ours). */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const [kind, N, r, p, salt, key] = hash.split('$')
  if (kind !== 'scrypt' || key === undefined) throw new TypeError('a stored password hash is malformed')
  const expected = Buffer.from(key, 'base64url')
  const actual = await derive(password.normalize('NFC'), Buffer.from(salt!, 'base64url'), expected.length, {
    N: Number(N),
    r: Number(r),
    p: Number(p),
    maxmem: MAX_MEMORY_BYTES,
  })
  return timingSafeEqual(actual, expected)
}

/** A hash nobody knows the password of: an unknown user costs the same work as a known one. */
export function unknownUserHash(): string {
  return [
    'scrypt',
    COST.N,
    COST.r,
    COST.p,
    randomBytes(SALT_BYTES).toString('base64url'),
    randomBytes(KEY_BYTES).toString('base64url'),
  ].join('$')
}
