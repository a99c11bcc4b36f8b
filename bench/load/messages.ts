import { publish } from '../../test/support/mqtt-bytes.ts'
import { framed, type Over } from './raw-connection.ts'

/** What is published: a fix, which the platform stores, or a status, which it does not. */
export type Kind = 'location' | 'status'

export const deviceId = (device: number) => `dev-${String(device).padStart(4, '0')}`
export const topicOf = (kind: Kind, device: number | '+') =>
  `demo/devices/${device === '+' ? '+' : deviceId(device)}/${kind}`

const PAYLOAD_BYTES = 200
/** As long as every time that takes its place. */
const SOME_TIME = Date.now()

/** 200 bytes that fit the schema of their channel. */
function payloadOf(kind: Kind): string {
  if (kind === 'status') {
    const status = { state: 'idle', since: SOME_TIME, battery: 81, network: 'lte', firmware: '', connection: '' }
    const spare = PAYLOAD_BYTES - JSON.stringify(status).length
    return JSON.stringify({ ...status, firmware: 'v'.repeat(spare - 20), connection: 'c'.repeat(20) })
  }
  const location = { lat: 41.1496, lng: -8.6109, accuracy: 6, speed: 13.9, heading: 270, altitude: 92 }
  const fix = { timestamp: SOME_TIME, location, metadata: { battery: 81, network: 'lte' }, attributes: { note: '' } }
  const spare = PAYLOAD_BYTES - JSON.stringify(fix).length
  return JSON.stringify({ ...fix, attributes: { note: 'n'.repeat(spare) } })
}

/**
 * A burst of one device's messages as bytes; each time it is taken, its times are those of now, and later than before. The clock of a
 * device whose times are hours old would be learnt, with every fix.
 */
export class Burst {
  readonly #bytes: Buffer
  readonly #timesAt: number[] = []
  #lastMs = 0

  constructor(kind: Kind, device: number, qos: 0 | 1, count: number, over: Over) {
    const messages = Array.from({ length: count }, (_, i) =>
      publish(qos << 1, topicOf(kind, device), qos === 0 ? null : i + 1, payloadOf(kind)),
    )
    this.#bytes = framed(over, Buffer.concat(messages))
    const time = kind === 'status' ? '"since":' : '"timestamp":'
    for (let at = this.#bytes.indexOf(time); at !== -1; at = this.#bytes.indexOf(time, at + 1)) {
      this.#timesAt.push(at + time.length)
    }
  }

  take(): Buffer {
    const firstMs = Math.max(Date.now(), this.#lastMs + 1)
    for (const [i, at] of this.#timesAt.entries()) this.#bytes.write(String(firstMs + i), at, 'latin1')
    this.#lastMs = firstMs + this.#timesAt.length - 1
    return Buffer.from(this.#bytes)
  }
}
