import { createHash, randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'

/** 192 random bits, base64url: nobody guesses it, and it fits into a message. */
export function newShareCode(): string {
  return randomBytes(24).toString('base64url')
}

/** A code that long has no dictionary: one round is enough. */
export function hashShareCode(code: string): string {
  return createHash('sha256').update(code).digest('hex')
}

/** Of a link (9 bytes) or of one opening of it; in topics and URLs, where it gives nothing away. */
export function newShareId(): string {
  return randomBytes(9).toString('base64url')
}

/**
 * What the view log keeps of an address: the network, /24 of IPv4 and /48 of IPv6. A hash would keep all of it, because every
 * IPv4 address can be tried.
 */
export function shortenAddress(address: string): string {
  const v4 = /(\d+\.\d+\.\d+)\.\d+$/.exec(address)
  if (v4 !== null) return `${v4[1]}.0/24`
  if (!isIPv6(address)) return 'unknown'
  const [head = '', tail = ''] = address.split('%')[0]!.split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === '' ? [] : tail.split(':')
  const groups = [...first, ...Array(Math.max(0, 8 - first.length - last.length)).fill('0'), ...last]
  return `${groups.slice(0, 3).join(':')}::/48`
}
