import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

/** An IPv4 address that came in over IPv6 is the same address. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}

/** Addresses and ranges like `10.0.0.0/8`. */
export class AddressRanges {
  readonly #list = new BlockList()
  /** Most installations name none, and every connection asks. */
  readonly #isEmpty: boolean

  /** @throws an error of Node's on what is neither */
  constructor(ranges: readonly string[]) {
    this.#isEmpty = ranges.length === 0
    for (const range of ranges) {
      const [address = '', bits] = range.split('/')
      const isIPv4 = isIP(address) === 4
      this.#list.addSubnet(address, Number(bits ?? (isIPv4 ? 32 : 128)), isIPv4 ? 'ipv4' : 'ipv6')
    }
  }

  has(address: string): boolean {
    if (this.#isEmpty) return false
    const family = isIP(address)
    return family !== 0 && this.#list.check(address, family === 4 ? 'ipv4' : 'ipv6')
  }
}

/**
 * Who is behind a request: the peer, or, when the peer is a proxy of ours, the last address of `X-Forwarded-For` that is none.
 * What stands further left was written by strangers.
 */
export function clientAddress(request: IncomingMessage, proxies: AddressRanges): string {
  let address = plainAddress(request.socket.remoteAddress ?? '')
  const forwarded = [request.headers['x-forwarded-for'] ?? []].flat().join(',').split(',')
  while (proxies.has(address)) {
    const before = plainAddress(forwarded.pop()?.trim() ?? '')
    if (isIP(before) === 0) break
    address = before
  }
  return address
}
