import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { Aedes, type Client } from 'aedes'
import { InSlices } from '../../broker/client/in-slices.ts'
import { LeanClients } from '../../broker/client/lean-clients.ts'
import { Bus, type Listener } from '../../broker/delivery/bus.ts'
import { directSubscriptionOf } from '../../broker/delivery/direct-subscription.ts'
import { Subscriber } from '../../broker/delivery/subscriber.ts'
import { readDirectly } from '../../broker/guard/direct-reading.ts'
import { openRaw } from '../support/raw-mqtt.ts'

/*
 * What the broker takes hold of inside Aedes, and of Node's sockets. Where one of these is gone or means something else after an upgrade, the broker would
 * still run, but slowly or wrongly: better that this fails.
 */
class RecordingBus extends Bus {
  readonly listeners = new Map<string, Listener<{ topic: string }>>()

  override on(filter: string, listener: Listener<{ topic: string }>, done?: () => void): this {
    this.listeners.set(filter, listener)
    return super.on(filter, listener, done)
  }
}

test('Aedes and Node have what is hooked, and its subscriptions are recognised', async t => {
  const bus = new RecordingBus()
  const aedes = await Aedes.createBroker({ mq: bus as never })
  const made = new Map<string, Client>()
  const subscribers: Subscriber[] = []
  const server = createServer(socket => {
    const client = aedes.handle(socket)
    subscribers.push(
      new Subscriber(client, {
        forward: () => null,
        shown: () => undefined,
        inTurn: () => {},
        stored: async () => true,
        commandAcknowledged: () => {},
        drainTimeoutMs: 1_000,
        count: () => {},
      }),
    )
    for (const key of ['deliver0', 'deliverQoS', '_nextBatch', 'pause', 'resume', 'close']) {
      assert.equal(typeof (client as unknown as Record<string, unknown>)[key], 'function', key)
    }
    for (const key of ['_nextId', '_parsingBatch', '_keepaliveInterval']) {
      assert.equal(typeof (client as unknown as Record<string, unknown>)[key], 'number', key)
    }
    for (const key of ['connected', 'closed', 'connackSent', 'connecting', 'clean']) {
      assert.equal(typeof (client as unknown as Record<string, unknown>)[key], 'boolean', key)
    }
    for (const key of ['_keepaliveTimer', 'duplicates', 'subscriptions', '_parser']) assert.ok(key in client, key)
    assert.equal(readDirectly(socket, client), true, 'sockets of Node are read directly')
    made.set('client', client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    server.close()
    await new Promise<void>(resolve => aedes.close(resolve))
  })
  const raw = await openRaw(t, (server.address() as AddressInfo).port)
  await raw.connect('', { clientId: 'raw', keepalive: 30 })
  await raw.subscribe('a/b', '+/b')
  const client = made.get('client') as unknown as Record<string, unknown>
  assert.equal(client.connected, true)
  assert.equal(typeof (client._keepaliveTimer as NodeJS.Timeout).refresh, 'function')
  const plain = directSubscriptionOf(bus.listeners.get('a/b'))
  const wild = directSubscriptionOf(bus.listeners.get('+/b'))
  assert.deepEqual(
    [plain?.subscriber, plain?.asPublished, plain?.noLocal, plain?.hidesDollar],
    [subscribers[0], false, false, false],
  )
  assert.deepEqual([wild?.subscriber, wild?.hidesDollar], [subscribers[0], true])
  const own = bus.listeners.get('$SYS/+/heartbeat')
  assert.ok(own)
  assert.equal(directSubscriptionOf(own), null)
  const broker = aedes as unknown as Record<string, unknown>
  assert.deepEqual([typeof broker.counter, typeof broker.publish, broker.mq], ['number', 'function', bus])
  raw.stream.destroy()
})

test('Aedes enters a connection, and takes it out again, by the methods that are changed', async t => {
  const aedes = await Aedes.createBroker({})
  t.after(() => new Promise<void>(resolve => aedes.close(resolve)))
  const parts = aedes as unknown as {
    clients: Record<string, object>
    connectedClients: number
    registerClient(client: object): void
    _finishRegisterClient(client: object): void
    unregisterClient(client: object): void
  }
  assert.equal(typeof parts.registerClient, 'function')
  const entered: object[] = []
  aedes.on('client', client => entered.push(client))
  const [first, second] = [{ id: 'same' }, { id: 'same' }]
  // It only enters: whoever had the place before is ended by us.
  for (const [i, client] of [first, second].entries()) {
    parts._finishRegisterClient(client)
    assert.deepEqual([parts.clients.same, parts.connectedClients, entered.at(-1)], [client, i + 1, client])
  }
  parts.unregisterClient(second)
  assert.deepEqual([parts.clients.same, parts.connectedClients], [undefined, 1])
})

test('a client of ours has what a client of Aedes has, and the rest of it from its class', async t => {
  const aedes = await Aedes.createBroker({})
  t.after(() => new Promise<void>(resolve => aedes.close(resolve)))
  const nowhere = () => new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  const theirs = aedes.handle(nowhere()) as unknown as Record<string, unknown>
  const ours = new LeanClients({
    broker: aedes,
    handle: conn => aedes.handle(conn),
    connectTimeoutMs: 1_000,
    endings: new InSlices(),
    before: () => false,
  }).make(nowhere()) as unknown as Record<string, unknown>
  // Emitted and listened to in another way, or set by the subscriber.
  const otherwise = new Set(['_events', '_eventsCount', 'deliver0', 'deliverQoS'])
  for (const [key, value] of Object.entries(theirs)) {
    if (otherwise.has(key)) continue
    assert.ok(key in ours, key)
    assert.equal(typeof ours[key], typeof value, key)
    if (value === null || ['boolean', 'string'].includes(typeof value)) assert.equal(ours[key], value, key)
  }
  for (const key of ['close', 'pause', 'resume', 'publish', 'emptyOutgoingQueue', 'waitForDrain', '_onError']) {
    assert.equal(ours[key], theirs[key], key)
  }
  for (const client of [ours, theirs]) (client.close as () => void)()
})
