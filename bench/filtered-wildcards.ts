/**
 * What it costs to hold back from a wildcard what its subscriber may not see: CPU of the broker's process per delivery, one publisher to
 * many subscribers of `devices/+/location`, with the check and without it. Every case delivers the same messages to everybody, so
 * the ratio is that of the check; a second table has what is held back. Subscribers are a process of their own.
 *
 *   node dist/bench/filtered-wildcards.js [--subscribers 100] [--messages 500] [--rounds 3]
 *
 * Live: QoS 0, the cheapest delivery there is. Stored: QoS 1 into the queues of sessions that nobody is connected to.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Registry } from 'prom-client'
import { ParsedTopics, Reader } from '../broker/auth/reader.ts'
import { type Broker, type Rights, startBroker } from '../broker/index.ts'
import { type AclRule, buildTopic, type Claims, principalOf } from '../contract/index.ts'
import { fix, RecordingHandlers, silent } from '../test/support/broker.ts'
import { openScope, temporaryFolder } from '../test/support/scope.ts'
import type { SubscribersOrder } from './filtered-wildcards-subscribers.ts'
import { readOptions } from './load/read-options.ts'

const ORG = 'demo'
/** Those that are published: the first of every granted set. */
const PUBLISHED_DEVICES = 10
const EXPIRES_SECONDS = 4_102_444_800

const values = readOptions('bench:wildcards', {
  subscribers: '100',
  messages: '500',
  rounds: '3',
})
const [subscribers, messages, rounds] = [Number(values.subscribers), Number(values.messages), Number(values.rounds)]

interface Case {
  readonly name: string
  readonly claims: Pick<Claims, 'role' | 'acl'>
  readonly granted: number
}

const denials = (count: number): AclRule[] =>
  Array.from({ length: count }, (_, i) => ({
    permission: 'deny',
    action: 'subscribe',
    topic: `${ORG}/devices/secret-${i}/#`,
  }))

const CASES: readonly Case[] = [
  { name: 'role any (dispatcher)', claims: { role: 'dispatcher' }, granted: 0 },
  { name: 'granted 10 devices', claims: { role: 'user' }, granted: 10 },
  { name: 'granted 1,000 devices', claims: { role: 'user' }, granted: 1_000 },
  { name: 'granted 10,000 devices', claims: { role: 'user' }, granted: 10_000 },
  { name: '10 acl rules, then 1,000 devices', claims: { role: 'user', acl: denials(10) }, granted: 1_000 },
  { name: '100 acl rules, then 1,000 devices', claims: { role: 'user', acl: denials(100) }, granted: 1_000 },
]

const checked = Reader.prototype.mayReceive

async function measure({ name, claims, granted }: Case): Promise<void> {
  const scope = openScope()
  const devices = new Set(Array.from({ length: granted }, (_, i) => `truck-${i}`))
  const rights: Rights = { current: issued => ({ ...issued, devices }), onChange: () => () => {} }
  try {
    const broker = await startBroker({
      dataDirectory: await temporaryFolder(scope),
      verifyToken: async token => principalOf(JSON.parse(token)),
      handlers: new RecordingHandlers().handlers(),
      logger: silent,
      registry: new Registry(),
      limits: false,
      rights,
    })
    scope.after(() => broker.close())
    const [address] = await broker.listen({ tcp: { host: '127.0.0.1', port: 0 } })
    const crowd = await gather({ url: address!, subscribers, org: ORG, claims: { ...claims, exp: EXPIRES_SECONDS } })
    scope.after(() => {
      crowd.kill()
    })
    // In turn, so that whatever else the machine does meets both alike; the best of each counts.
    const live = { with: Number.POSITIVE_INFINITY, without: Number.POSITIVE_INFINITY }
    for (let round = 0; round < rounds; round++) {
      for (const check of ['with', 'without'] as const) {
        live[check] = Math.min(live[check], await perDelivery(check, () => publishLive(broker, crowd, 'truck')))
      }
    }
    const withheld = claims.role === 'dispatcher' ? undefined : await perDelivery('with', () => publishWithheld(broker))
    crowd.send('leave')
    await once(crowd, 'message')
    while (broker.connectionCount > 0) await new Promise(setImmediate)
    const stored = { with: Number.POSITIVE_INFINITY, without: Number.POSITIVE_INFINITY }
    for (let round = 0; round < rounds; round++) {
      for (const check of ['with', 'without'] as const) {
        stored[check] = Math.min(stored[check], await perDelivery(check, () => publishStored(broker)))
      }
    }
    report(name, { live, stored, withheld, alone: checkAlone(claims, devices) })
  } finally {
    Reader.prototype.mayReceive = checked
    await scope.release()
  }
}

/** Nanoseconds of one check: every message is decided for every subscriber, as on the bus. */
function checkAlone(claims: Case['claims'], devices: ReadonlySet<string>): number {
  const topics = new ParsedTopics()
  const readers = Array.from({ length: subscribers }, (_, i) => {
    const issued = principalOf({ ...claims, org: ORG, sub: `subscriber-${i}`, exp: EXPIRES_SECONDS })
    return new Reader({ ...issued, devices }, topics)
  })
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++) {
    const start = process.cpuUsage()
    for (let n = 0; n < messages; n++) {
      // A string of its own, as every packet brings one.
      const topic = Buffer.from(`${ORG}/devices/truck-${n % PUBLISHED_DEVICES}/location`).toString()
      for (const reader of readers) reader.mayReceive(topic, 1)
    }
    const { user, system } = process.cpuUsage(start)
    best = Math.min(best, ((user + system) * 1_000) / (messages * subscribers))
  }
  return best
}

/** Microseconds of CPU for each delivery. */
async function perDelivery(check: 'with' | 'without', publish: () => Promise<number>): Promise<number> {
  Reader.prototype.mayReceive = check === 'with' ? checked : () => true
  const start = process.cpuUsage()
  const deliveries = await publish()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / deliveries
}

async function publishLive(broker: Broker, crowd: ChildProcess, prefix: string): Promise<number> {
  const heard = once(crowd, 'message')
  await publishMany(broker, messages, prefix, 0)
  await heard
  return messages * subscribers
}

/** Of devices that nobody may see; there is nothing to wait for but the broker itself. */
async function publishWithheld(broker: Broker): Promise<number> {
  await publishMany(broker, messages, 'unseen', 0)
  return messages * subscribers
}

async function publishStored(broker: Broker): Promise<number> {
  const count = Math.ceil(messages / 10)
  await publishMany(broker, count, 'truck', 1)
  return count * subscribers
}

async function publishMany(broker: Broker, count: number, prefix: string, qos: 0 | 1): Promise<void> {
  const payload = fix(1_700_000_000_000)
  for (let n = 0; n < count; n++) {
    const topic = buildTopic('location', { org: ORG, deviceId: `${prefix}-${n % PUBLISHED_DEVICES}` })
    await broker.publish({ topic, payload, qos, retain: false })
    if (n % 10 === 9) await new Promise(setImmediate)
  }
}

async function gather(order: Omit<SubscribersOrder, 'messages'>): Promise<ChildProcess> {
  const crowd = fork(fileURLToPath(new URL('./filtered-wildcards-subscribers.js', import.meta.url)))
  crowd.send({ ...order, messages } satisfies SubscribersOrder)
  await once(crowd, 'message')
  return crowd
}

interface Pair {
  readonly with: number
  readonly without: number
}

interface Measured {
  readonly live: Pair
  readonly stored: Pair
  /** A message that is held back, in microseconds. */
  readonly withheld: number | undefined
  readonly alone: number
}

function report(name: string, { live, stored, withheld, alone }: Measured): void {
  const pair = ({ with: checked, without }: Pair) =>
    `${checked.toFixed(2)} / ${without.toFixed(2)} µs = ${(checked / without).toFixed(2)}`
  const held = withheld === undefined ? '' : `, held back ${withheld.toFixed(2)} µs`
  console.log(
    `${name.padEnd(34)} check alone ${alone.toFixed(0).padStart(4)} ns, live ${pair(live)}, stored ${pair(stored)}${held}`,
  )
}

console.log(
  `1 publisher, ${subscribers} subscribers, CPU per delivery with / without the check, best of ${rounds}, Node ${process.version}`,
)
for (const one of CASES) await measure(one)
process.exit()
