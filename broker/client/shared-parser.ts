import mqttPacket from 'mqtt-packet'

/** The parts of mqtt-packet's parser that are used; its types leave out what it keeps. */
interface Parser {
  settings: ParserSettings
  parse(bytes: Uint8Array): number
  on(event: 'packet', listener: (packet: object) => void): void
  on(event: 'error', listener: (error: Error) => void): void
  readonly error: Error | null
  readonly _stateCounter: number
  readonly _list: { readonly length: number }
}
/** What the parser has to know of the CONNECT of its connection; it would keep all of it, token included. */
interface ParserSettings {
  readonly protocolVersion?: number
  readonly bridgeMode?: boolean
}
export interface ParserOwner {
  packet(packet: object): void
  failed(error: Error): void
}
interface Lent {
  readonly parser: Parser
  owner: ParserOwner | undefined
}

/** Parsers that are not in use; more than this many are in use at once only while many packets come in pieces. */
const MOST_FREE = 64
const free: Lent[] = []
const UNKNOWN: ParserSettings = {}
const KNOWN = new Map<string, ParserSettings>()

/**
 * mqtt-packet's parser for one connection. A parser holds two streams and takes over a kilobyte, so a connection has one only while part
 * of a packet is in it: what comes in whole packets, as almost everything does, is parsed by one that all share.
 */
export class SharedParser {
  readonly #owner: ParserOwner
  #settings = UNKNOWN
  #lent: Lent | undefined

  constructor(owner: ParserOwner) {
    this.#owner = owner
  }

  parse(bytes: Uint8Array): void {
    const lent = this.#lent ?? take()
    const { parser } = lent
    this.#lent = lent
    lent.owner = this.#owner
    if (parser.settings !== this.#settings) parser.settings = this.#settings
    parser.parse(bytes)
    if (parser.settings !== this.#settings) this.#settings = known(parser.settings)
    if (parser._stateCounter > 0 || parser._list.length > 0 || parser.error !== null) return
    this.#lent = undefined
    lent.owner = undefined
    if (free.length < MOST_FREE) free.push(lent)
  }
}

function take(): Lent {
  return free.pop() ?? make()
}

function make(): Lent {
  const parser = mqttPacket.parser() as unknown as Parser
  const lent: Lent = { parser, owner: undefined }
  parser.on('packet', packet => lent.owner?.packet(packet))
  parser.on('error', error => lent.owner?.failed(error))
  return lent
}

function known({ protocolVersion, bridgeMode = false }: ParserSettings): ParserSettings {
  const name = `${protocolVersion} ${bridgeMode}`
  const settings = KNOWN.get(name) ?? { ...(protocolVersion !== undefined && { protocolVersion }), bridgeMode }
  KNOWN.set(name, settings)
  return settings
}
