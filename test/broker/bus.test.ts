import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Bus } from '../../broker/delivery/bus.ts'
import { Intake } from '../../broker/delivery/intake.ts'
import { OrderedAnswers } from '../../broker/delivery/ordered-answers.ts'
import { SubscriptionIndex } from '../../broker/subscription-index.ts'
import { matchesFilter } from '../../contract/index.ts'
import { silent } from '../support/broker.ts'

const level = fc.constantFrom('a', 'b', '', 'constructor', '__proto__')
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map(levels => levels.join('/'))
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/'))

test('Bus: a packet reaches exactly the listeners whose filter matches its topic', () => {
  fc.assert(
    fc.property(fc.array(filter, { maxLength: 8 }), fc.array(topic, { maxLength: 8 }), (filters, topics) => {
      const bus = new Bus()
      const heard: string[] = []
      for (const own of filters) bus.on(own, packet => heard.push(`${own} ${packet.topic}`))
      for (const name of topics) bus.emit({ topic: name })
      const expected = topics.flatMap(name =>
        filters.filter(own => matchesFilter(own, name)).map(own => `${own} ${name}`),
      )
      assert.deepEqual(heard.sort(), expected.sort())
    }),
  )
})

test('Bus: a listener that was removed hears nothing, its twin on the same filter does', () => {
  const bus = new Bus()
  const heard: string[] = []
  const first = () => heard.push('first')
  bus.on('a/+', first).on('a/+', () => heard.push('second'))
  bus.emit({ topic: 'a/b' })
  bus.removeListener('a/+', first)
  bus.emit({ topic: 'a/b' })
  assert.deepEqual(heard, ['first', 'second', 'second'])
})

test('Bus: no listener is waited for', () => {
  const bus = new Bus()
  let done = 0
  bus.on('#', () => {}) // never calls back
  for (let i = 0; i < 100_000; i += 1) bus.emit({ topic: 'a' }, () => (done += 1))
  assert.equal(done, 100_000)
})

test('Bus: a listener may subscribe and unsubscribe while it is called', () => {
  const bus = new Bus()
  let calls = 0
  const once = () => {
    calls += 1
    bus.removeListener('a', once)
    bus.on('a', () => (calls += 10))
  }
  bus.on('a', once)
  bus.emit({ topic: 'a' })
  assert.equal(calls, 1)
  bus.emit({ topic: 'a' })
  assert.equal(calls, 11)
})

test('Bus: after close nothing is handed out, and the sender is told', () => {
  const bus = new Bus()
  let error: Error | undefined
  bus.on('a', () => assert.fail('closed'))
  bus.close()
  bus.emit({ topic: 'a' }, fault => (error = fault))
  assert.match(error?.message ?? '', /closed/)
})

test('OrderedAnswers: whatever the order of settling, answers come in the order of asking', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...Array(100).keys()], { minLength: 100 }), order => {
      const calls: string[] = []
      const share = new Intake({ logger: silent, now: Date.now }).enter('demo/truck-7')
      const answers = new OrderedAnswers(
        { pause: () => calls.push('pause'), resume: () => calls.push('resume') },
        share,
      )
      const given: number[] = []
      const places = order.map(() => answers.take(100))
      for (const place of order) places[place]!.answer(() => given.push(place))
      assert.deepEqual(given, [...Array(100).keys()])
      assert.deepEqual(calls, ['pause', 'resume'])
    }),
    { numRuns: 50 },
  )
})

test('SubscriptionIndex: a session is found once, when one of its QoS 1 filters matches, as a plain list would say', () => {
  const step = fc.record({
    client: fc.constantFrom('x', 'y'),
    filter,
    qos: fc.constantFrom(0, 1, 2),
    remove: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), topic, (steps, name) => {
      const index = new SubscriptionIndex()
      const list = new Map<string, { client: string; filter: string; qos: number }>()
      for (const { client, filter: own, qos, remove } of steps) {
        if (remove) index.remove(client, own)
        else index.add(client, { topic: own, qos: qos as 0 | 1 | 2 })
        if (remove) list.delete(`${client} ${own}`)
        else list.set(`${client} ${own}`, { client, filter: own, qos })
      }
      const matching = [...list.values()].filter(({ filter: own, qos }) => qos > 0 && matchesFilter(own, name))
      const expected = ['x', 'y']
        .map(client => ({
          client,
          qos: Math.max(0, ...matching.filter(held => held.client === client).map(({ qos }) => qos)),
        }))
        .filter(({ qos }) => qos > 0)
      const found = index.matching(name).map(({ clientId, qos }) => ({ client: clientId, qos }))
      assert.deepEqual(
        found.sort((a, b) => a.client.localeCompare(b.client)),
        expected,
      )
    }),
  )
})

test('SubscriptionIndex: a topic that begins with $ is queued for no filter that begins with a wildcard [MQTT-4.7.2-1]', () => {
  const index = new SubscriptionIndex()
  for (const own of ['#', '+/y', '$x/#', '$x/+']) index.add(own, { topic: own, qos: 1 })
  const found = (name: string) => index.matching(name).map(({ clientId }) => clientId)
  assert.deepEqual(found('$x/y').sort(), ['$x/#', '$x/+'])
  assert.deepEqual(found('x/y').sort(), ['#', '+/y'])
})

test('an observer sees every packet, before its subscribers and without any, until it stops', () => {
  const bus = new Bus()
  const order: string[] = []
  bus.on('a/+', ({ topic }) => order.push(`subscriber ${topic}`))
  const stop = bus.observe(({ topic }) => order.push(`observer ${topic}`))
  bus.emit({ topic: 'a/b' })
  bus.emit({ topic: 'nobody' })
  stop()
  bus.emit({ topic: 'a/c' })
  assert.deepEqual(order, ['observer a/b', 'subscriber a/b', 'observer nobody', 'subscriber a/c'])
})
