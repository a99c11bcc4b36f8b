import type { Origin, TrackerDevice, TrackerSink } from './sink.ts'
import type { TrackerConnection } from './tracker-connection.ts'

interface Session {
  readonly origin: Origin
  /** In the order in which they came. */
  readonly connections: Set<TrackerConnection>
  /** It was told that two speak for it. */
  clashed: boolean
}

/** Which devices are connected, and over what. */
export class Sessions {
  readonly #sink: TrackerSink
  readonly #byDevice = new Map<string, Session>()

  constructor(sink: TrackerSink) {
    this.#sink = sink
  }

  get size(): number {
    return this.#byDevice.size
  }

  /** The newest connection of a device. */
  connectionOf(device: TrackerDevice): TrackerConnection | undefined {
    return [...(this.#byDevice.get(keyOf(device))?.connections ?? [])].at(-1)
  }

  enter(device: TrackerDevice, connection: TrackerConnection, origin: Origin): void {
    const key = keyOf(device)
    const known = this.#byDevice.get(key)
    if (known !== undefined) {
      known.connections.add(connection)
      return
    }
    this.#byDevice.set(key, { origin, connections: new Set([connection]), clashed: false })
    this.#sink.session(device, true, origin)
  }

  /**
   * The device spoke over this connection. A tracker that lost its network comes back before its old connection is known to be
   * dead; but an old one that speaks after a new one came is another device of the same number.
   */
  heard(device: TrackerDevice, connection: TrackerConnection): void {
    const session = this.#byDevice.get(keyOf(device))
    const newest = this.connectionOf(device)
    if (session === undefined || session.clashed || newest === undefined || newest === connection) return
    session.clashed = true
    this.#sink.clash(device, [connection.address, newest.address])
  }

  leave(device: TrackerDevice, connection: TrackerConnection): void {
    const key = keyOf(device)
    const session = this.#byDevice.get(key)
    if (session === undefined || !session.connections.delete(connection) || session.connections.size > 0) return
    this.#byDevice.delete(key)
    this.#sink.session(device, false, session.origin)
  }
}

function keyOf({ org, deviceId }: TrackerDevice): string {
  return `${org}/${deviceId}`
}
