import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { buildTopic, checkFix, type LocationUpdate, type SosRequest } from '../../contract/index.ts'
import {
  createSimClock,
  type DevicePlan,
  type Fleet,
  type FleetEvent,
  type FleetOptions,
  startFleet,
  type TimedPoint,
} from '../../firmware-sim/index.ts'
import { type RecordingBroker, startRecordingBroker } from './recording-broker.ts'

const ORG = 'acme'
const ID = 'truck-7'
const topics = {
  location: buildTopic('location', { org: ORG, deviceId: ID }),
  batch: buildTopic('locationBatch', { org: ORG, deviceId: ID }),
  status: buildTopic('status', { org: ORG, deviceId: ID }),
  sos: buildTopic('sos', { org: ORG, deviceId: ID }),
  errors: buildTopic('errors', { org: ORG, userId: ID }),
}

/** `count` fixes, one every `everyMs`. */
function line(count: number, everyMs: number) {
  return function* (startMs: number): Generator<TimedPoint> {
    for (let i = 0; i < count; i += 1)
      yield { timestampMs: startMs + i * everyMs, lat: 41.15, lng: -8.61 + i / 10_000, battery: 50 }
  }
}

const plan = (changes: Partial<DevicePlan> = {}): DevicePlan => ({
  deviceId: ID,
  token: 'secret',
  track: line(40, 10),
  intervalSeconds: 1,
  ...changes,
})

interface Watched {
  readonly fleet: Fleet
  readonly events: FleetEvent[]
  happens(type: FleetEvent['type'], times?: number): Promise<void>
}

async function start(
  t: TestContext,
  broker: { readonly url: string },
  devices: DevicePlan[],
  options: Partial<FleetOptions> = {},
): Promise<Watched> {
  const events: FleetEvent[] = []
  const fleet = await startFleet({
    url: broker.url,
    org: ORG,
    devices,
    backOff: { firstMs: 20, maxMs: 100 },
    onEvent: event => events.push(event),
    ...options,
  })
  t.after(() => fleet.close(0))
  return {
    fleet,
    events,
    happens: (type, times = 1) => until(() => events.filter(event => event.type === type).length >= times),
  }
}

/** Looks every few turns of the event loop whether something has come true that is bound to. */
async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 15_000
  while (!condition()) {
    if (Date.now() > deadlineMs) throw new Error(`never came true: ${condition}`)
    await setTimeout(2)
  }
}

/** The fixes that arrived, single ones and those of batches, in order of arrival. */
function fixesOf(broker: RecordingBroker): LocationUpdate[] {
  return broker.received.flatMap(({ topic, payload }) => {
    if (topic === topics.location) return [payload as LocationUpdate]
    return topic === topics.batch ? (payload as LocationUpdate[]) : []
  })
}

const isOffline = (payload: unknown) => (payload as { state?: string } | undefined)?.state === 'offline'
const settled = ({ fleet }: Watched) => {
  const { taken, acknowledged } = fleet.counters()
  return taken === acknowledged
}

describe('a device', { timeout: 20_000 }, () => {
  test('connects under its id with its token, a retained will, and says online', async t => {
    const broker = await startRecordingBroker(t)
    const seen: Record<string, unknown>[] = []
    broker.aedes.authenticate = (client, _username, password, done) => {
      seen.push({ id: client.id, password: String(password) })
      done(null, true)
    }
    broker.aedes.preConnect = (_client, { will }, done) => {
      seen.push({ ...will, payload: JSON.parse(String(will?.payload)) })
      done(null, true)
    }
    await start(t, broker, [plan()])
    const online = await broker.arrival(({ topic }) => topic === topics.status)
    assert.equal((online.payload as { state: string }).state, 'online')
    assert.ok(online.retain)
    assert.deepEqual(seen, [
      { retain: true, qos: 1, topic: topics.status, payload: { state: 'offline' } },
      { id: ID, password: 'secret' },
    ])
  })

  test('publishes its track as fixes that the platform takes, QoS 1, and finishes when all are acknowledged', async t => {
    const broker = await startRecordingBroker(t)
    const { fleet } = await start(t, broker, [plan({ attributes: { ignition: true } })])
    await fleet.finished
    const { taken, acknowledged, refused, dropped } = fleet.counters()
    assert.deepEqual({ taken, acknowledged, refused, dropped }, { taken: 40, acknowledged: 40, refused: 0, dropped: 0 })
    const fixes = fixesOf(broker)
    assert.equal(fixes.length, 40)
    for (const fix of fixes) checkFix(fix, ID, Date.now())
    assert.ok(broker.received.filter(({ topic }) => topic === topics.location).every(({ qos }) => qos === 1))
  })

  test('sends single fixes with QoS 0 when told to', async t => {
    const broker = await startRecordingBroker(t)
    const { fleet } = await start(t, broker, [plan()], { qos: 0 })
    await fleet.finished
    const live = broker.received.filter(({ topic }) => topic === topics.location)
    assert.ok(live.length > 0 && live.every(({ qos }) => qos === 0))
    assert.equal(fleet.counters().acknowledged, 40)
  })

  test('stores what it takes while the link is cut, and resends it: nothing lost, nothing twice, oldest first', async t => {
    const broker = await startRecordingBroker(t)
    const watched = await start(t, broker, [plan({ track: line(80, 20) })], { batchSize: 10 })
    const { fleet, events, happens } = watched
    await until(() => fleet.counters().acknowledged >= 15 && settled(watched))
    fleet.device(ID)!.cutLink(0.5)
    await happens('disconnected')
    await happens('connected', 2)
    await fleet.finished

    const times = fixesOf(broker).map(({ timestamp }) => timestamp)
    assert.equal(times.length, 80)
    assert.equal(new Set(times).size, 80)
    const batches = broker.received.filter(({ topic }) => topic === topics.batch)
    const batched = batches.flatMap(({ payload }) => (payload as LocationUpdate[]).map(({ timestamp }) => timestamp))
    assert.ok(batches.length > 1)
    assert.ok(batches.every(({ payload, qos }) => qos === 1 && (payload as unknown[]).length <= 10))
    assert.deepEqual(
      batched,
      [...batched].sort((a, b) => a - b),
    )
    assert.equal(fleet.counters().reconnects, 1)
    assert.ok(events.some(event => event.type === 'resent'))
  })

  test('is reported offline by its will when the link is cut', async t => {
    const broker = await startRecordingBroker(t)
    const { fleet, happens } = await start(t, broker, [plan({ track: line(1, 10) })])
    await happens('connected')
    fleet.device(ID)!.cutLink(30)
    const will = await broker.arrival(({ topic, payload }) => topic === topics.status && isOffline(payload))
    assert.ok(will.retain)
  })

  test('sends a fix again whose PUBACK never came', async t => {
    const broker = await startRecordingBroker(t)
    let swallowed: LocationUpdate | undefined
    broker.aedes.authorizePublish = (_client, packet, done) => {
      if (packet.topic === topics.location && swallowed === undefined) {
        swallowed = JSON.parse(packet.payload.toString())
        return
      }
      done(null)
    }
    const { fleet } = await start(t, broker, [plan({ track: line(10, 20) })])
    await until(() => swallowed !== undefined)
    fleet.device(ID)!.cutLink(0.05)
    await fleet.finished
    const again = fixesOf(broker).filter(({ timestamp }) => timestamp === swallowed!.timestamp)
    assert.deepEqual(again, [swallowed])
    assert.equal(fleet.counters().acknowledged, 10)
  })

  test('comes back by itself when the broker was away, and delivers what it took meanwhile', async t => {
    const broker = await startRecordingBroker(t)
    const watched = await start(t, broker, [plan({ track: line(60, 20) })])
    await until(() => watched.fleet.counters().acknowledged >= 10 && settled(watched))
    await broker.shut()
    await watched.happens('disconnected', 3)
    await broker.listen()
    await watched.fleet.finished
    assert.equal(new Set(fixesOf(broker).map(({ timestamp }) => timestamp)).size, 60)
  })

  test('loses the oldest fixes, and counts them, when its buffer is full', async t => {
    const broker = await startRecordingBroker(t)
    const watched = await start(t, broker, [plan({ track: line(60, 20) })], { bufferSize: 20 })
    await until(() => watched.fleet.counters().acknowledged >= 5 && settled(watched))
    watched.fleet.device(ID)!.cutLink(1)
    await watched.happens('track-ended')
    await watched.fleet.finished
    const { dropped, acknowledged } = watched.fleet.counters()
    assert.ok(dropped > 0)
    assert.equal(acknowledged + dropped, 60)
    const times = fixesOf(broker).map(({ timestamp }) => timestamp)
    assert.equal(times.length, acknowledged)
  })

  test('counts what the platform refuses of it, not what it refuses of others', async t => {
    const broker = await startRecordingBroker(t)
    const subscribed = once(broker.aedes, 'subscribe')
    const { fleet, events, happens } = await start(t, broker, [plan({ track: line(1, 10) })])
    const notice = (deviceId: string) =>
      new Promise<void>((resolve, reject) => {
        const topic = buildTopic('location', { org: ORG, deviceId })
        const payload = JSON.stringify({ code: 'position_null_island', message: 'no position', topic })
        broker.aedes.publish(
          { cmd: 'publish', topic: topics.errors, payload: Buffer.from(payload), qos: 0, retain: false, dup: false },
          error => (error ? reject(error) : resolve()),
        )
      })
    await subscribed
    await notice('another')
    await notice(ID)
    await happens('refused')
    assert.equal(fleet.counters().refused, 1)
    assert.deepEqual(
      events.filter(({ type }) => type === 'refused'),
      [{ type: 'refused', deviceId: ID, code: 'position_null_island', message: 'no position' }],
    )
  })

  test('goes on trying when its token is refused, and says why', async t => {
    const broker = await startRecordingBroker(t)
    broker.aedes.authenticate = (_client, _username, _password, done) => {
      done(Object.assign(new Error('no'), { returnCode: 5 }), false)
    }
    const { fleet, events, happens } = await start(t, broker, [plan()])
    await happens('disconnected', 2)
    assert.ok(fleet.counters().connectsRefused >= 2)
    assert.match((events[0] as { reason: string }).reason, /refused the token \(CONNACK 5\)/)
  })

  test('says offline and disconnects when it is closed, so that no will is sent', async t => {
    const broker = await startRecordingBroker(t)
    const { fleet } = await start(t, broker, [plan()])
    await fleet.finished
    await fleet.close()
    await fleet.close()
    const offline = broker.received.filter(({ topic, payload }) => topic === topics.status && isOffline(payload))
    assert.equal(offline.length, 1)
    assert.ok('since' in (offline[0]!.payload as object), 'the device itself said it')
    assert.equal(fleet.counters().connected, 0)
  })

  test('closed while its link is cut, it comes back to deliver what it holds', async t => {
    const broker = await startRecordingBroker(t)
    const watched = await start(t, broker, [plan({ track: line(1_000, 10) })])
    await until(() => watched.fleet.counters().acknowledged >= 5 && settled(watched))
    watched.fleet.device(ID)!.cutLink(600)
    await until(() => watched.fleet.counters().buffered >= 5)
    await watched.fleet.close(10_000)
    const { taken, acknowledged, buffered } = watched.fleet.counters()
    assert.deepEqual([acknowledged, buffered], [taken, 0])
  })
})

describe('the SOS button', { timeout: 20_000 }, () => {
  test('sends one alert with the newest position, QoS 1, however often it is pressed, and takes it back by the same id', async t => {
    const broker = await startRecordingBroker(t)
    const { fleet } = await start(t, broker, [plan()])
    await fleet.finished
    const id = fleet.pressSos(ID, 'help')
    assert.equal(fleet.pressSos(ID, 'help!'), id)
    const { payload, qos } = await broker.arrival(({ topic }) => topic === topics.sos)
    const request = payload as SosRequest
    assert.equal(qos, 1)
    assert.deepEqual(
      { ...request, timestamp: 0 },
      {
        action: 'trigger',
        id,
        timestamp: 0,
        message: 'help',
        location: { lat: 41.15, lng: fixesOf(broker).at(-1)!.location.lng },
      },
    )
    fleet.device(ID)!.cancelSos()
    const cancel = await broker.arrival(message => (message.payload as SosRequest).action === 'cancel')
    assert.equal((cancel.payload as SosRequest).id, id)
    assert.equal(broker.received.filter(({ topic }) => topic === topics.sos).length, 2)
    assert.equal(fleet.pressSos('nobody'), undefined)
  })

  test('pressed without a link, it goes out before everything that was stored', async t => {
    const broker = await startRecordingBroker(t)
    const watched = await start(t, broker, [plan({ track: line(60, 20) })])
    await until(() => watched.fleet.counters().acknowledged >= 5 && settled(watched))
    watched.fleet.device(ID)!.cutLink(0.2)
    await watched.happens('disconnected')
    const before = broker.received.length
    watched.fleet.pressSos(ID)
    await broker.arrival(({ topic }) => topic === topics.sos)
    const after = broker.received.slice(before).filter(({ payload }) => !isOffline(payload))
    assert.equal(after[0]!.topic, topics.sos)
  })

  test('follows its plan on the clock of the fleet, and the next alert has a new id', async t => {
    const broker = await startRecordingBroker(t)
    const clock = createSimClock({ speed: 500 })
    const sos = { afterSeconds: 50, message: 'fallen', cancelAfterSeconds: 60, againAfterSeconds: 100 }
    const { happens, events } = await start(t, broker, [plan({ sos, track: line(400, 1_000) })], { clock })
    await happens('sos-triggered', 2)
    const ids = events.filter(event => event.type === 'sos-triggered').map(event => event.sosId)
    assert.equal(new Set(ids).size, 2)
    assert.deepEqual(
      events.filter(({ type }) => type.startsWith('sos-')).map(({ type }) => type),
      ['sos-triggered', 'sos-cancelled', 'sos-triggered'],
    )
  })
})

describe('a fleet', { timeout: 20_000 }, () => {
  test('adds up what its devices do', async t => {
    const broker = await startRecordingBroker(t)
    const devices = Array.from({ length: 20 }, (_, i) => plan({ deviceId: `d-${i}`, track: line(10, 20) }))
    const { fleet } = await start(t, broker, devices, { rampUpPerSecond: Number.POSITIVE_INFINITY })
    await fleet.finished
    const { connected, acknowledged } = fleet.counters()
    assert.deepEqual({ connected, acknowledged }, { connected: 20, acknowledged: 200 })
  })

  test('may be closed while it is still starting', async t => {
    const broker = await startRecordingBroker(t)
    const devices = Array.from({ length: 50 }, (_, i) => plan({ deviceId: `d-${i}` }))
    const { fleet } = await start(t, broker, devices, { rampUpPerSecond: 5 })
    await fleet.close()
    assert.equal(fleet.counters().connected, 0)
    assert.ok(fleet.device('d-0') !== undefined && fleet.device('d-49') === undefined)
  })

  for (const [name, devices] of [
    ['two devices of one id', [plan(), plan()]],
    ['an id that is none', [plan({ deviceId: 'a/b' })]],
  ] as const) {
    test(`refuses ${name}`, async () => {
      await assert.rejects(startFleet({ url: 'mqtt://127.0.0.1:1', org: ORG, devices }), TypeError)
    })
  }
})
