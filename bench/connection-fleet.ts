/** A part of the fleet of `bench/connections.ts`, in a process of its own. */
import { createTokens, openSigningKeys } from '../bridge/index.ts'
import { connect, publish } from '../test/support/mqtt-bytes.ts'
import { openRawConnection, type RawConnection } from './load/raw-connection.ts'
import { answer } from './load/run-traffic.ts'

export interface FleetOptions {
  readonly dataDirectory: string
  readonly port: number
  readonly first: number
  readonly count: number
  readonly qos: 0 | 1
  readonly everySeconds: number
}
export type FleetOrder = 'connect' | 'publish' | 'stop' | 'cut'
export interface FleetReport {
  readonly done: FleetOrder | 'ready'
  readonly connected: number
  /** Attempts that failed and were made again. */
  readonly failed: number
  readonly sent: number
  readonly acknowledged: number
  /** Connections that ended without being told to. */
  readonly lost: number
}

interface Device {
  readonly sub: string
  /** Its source address. */
  readonly from: string
  readonly connectPacket: Buffer
  connection: RawConnection | undefined
}

const CONNACK = 2
const PUBACK = 4
/** A source address has some 28,000 ports. */
const ADDRESSES = 16
const AT_ONCE = 250
const AGAIN_AFTER_MS = 500
const GIVE_UP_AFTER_MS = 180_000
const TICK_MS = 20

const options = JSON.parse(process.argv[2]!) as FleetOptions
const counts = { failed: 0, sent: 0, acknowledged: 0, lost: 0 }
let isCutting = false
let publishing: NodeJS.Timeout | undefined

const tokens = createTokens(await openSigningKeys(options.dataDirectory))
const devices: Device[] = []
for (let i = options.first; i < options.first + options.count; i += 1) {
  const sub = `fleet-${i}`
  const password = await tokens.mint({ org: 'demo', role: 'device', sub, ttlSeconds: 3_600 })
  // They say nothing while the others connect.
  const connectPacket = connect({ clientId: sub, password, keepAlive: 600 })
  devices.push({ sub, from: `127.0.0.${2 + (i % ADDRESSES)}`, connectPacket, connection: undefined })
}
process.on('message', (order: FleetOrder) => void work[order]().then(() => report(order)))
process.on('disconnect', () => process.exit(0))
report('ready')

const work: Record<FleetOrder, () => Promise<void>> = {
  async connect() {
    isCutting = false
    let next = 0
    const open = async () => {
      while (next < devices.length) await openOne(devices[next++]!)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, open))
  },
  async publish() {
    const startedAt = performance.now()
    let due = 0
    publishing = setInterval(() => {
      const until = ((performance.now() - startedAt) / 1_000 / options.everySeconds) * devices.length
      for (; due < until; due += 1) send(devices[due % devices.length]!, due)
    }, TICK_MS)
  },
  async stop() {
    clearInterval(publishing)
  },
  /** All at once, without a word: as when a network goes away. */
  async cut() {
    isCutting = true
    for (const device of devices) {
      device.connection?.socket.resetAndDestroy()
      device.connection = undefined
    }
  },
}

async function openOne(device: Device): Promise<void> {
  const until = performance.now() + GIVE_UP_AFTER_MS
  while (performance.now() < until) {
    try {
      const connection = await openRawConnection(options.port, 'tcp', device.from)
      connection.socket.on('close', () => {
        if (!isCutting && device.connection === connection) counts.lost += 1
      })
      await answer(connection, CONNACK, device.connectPacket)
      connection.heard = {
        onPublish: () => {},
        onOther: type => {
          if (type === PUBACK) counts.acknowledged += 1
        },
      }
      device.connection = connection
      return
    } catch {
      counts.failed += 1
      await new Promise(resolve => setTimeout(resolve, AGAIN_AFTER_MS))
    }
  }
}

function send({ sub, connection }: Device, number: number): void {
  if (connection === undefined || connection.isClosed) return
  counts.sent += 1
  const lat = 41 + (number % 1_000) / 10_000
  const fix = JSON.stringify({ timestamp: Date.now(), location: { lat, lng: -8.6109, accuracy: 6, speed: 13.9 } })
  const id = options.qos === 0 ? null : (number % 65_535) + 1
  connection.send(publish(options.qos << 1, `demo/devices/${sub}/location`, id, fix))
}

function report(done: FleetReport['done']): void {
  const connected = devices.filter(({ connection }) => connection !== undefined && !connection.isClosed).length
  process.send!({ done, connected, ...counts } satisfies FleetReport)
}
