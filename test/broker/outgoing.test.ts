import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { encodePublish } from '../../broker/delivery/encode-publish.ts'
import { MOST_IN_FLIGHT } from '../../broker/delivery/in-flight.ts'
import { type Acknowledged, Outgoing } from '../../broker/delivery/outgoing.ts'
import { CLOSE_ABOVE_BYTES, DROP_ABOVE_BYTES, HOLD_ABOVE_BYTES } from '../../broker/delivery/slow-consumers.ts'

/** A socket that takes what it is given when the test says so. */
class Socket extends Duplex {
  readonly taken: string[] = []
  isOpen = true
  #waiting: (() => void) | undefined

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.taken.push(chunk.toString())
    if (this.isOpen) done()
    else this.#waiting = done
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer', done)
  }

  open(): void {
    this.isOpen = true
    this.#waiting?.()
    this.#waiting = undefined
  }
}

const turn = () => new Promise<void>(resolve => setImmediate(resolve))
const turns = async () => {
  for (let i = 0; i < 10; i += 1) await turn()
}

function opened(drainTimeoutMs = 60_000) {
  const conn = new Socket()
  const counted: string[] = []
  let id = 0
  const outgoing = new Outgoing(conn, { nextId: () => ++id }, { drainTimeoutMs, count: lane => counted.push(lane) })
  return { conn, counted, outgoing }
}

const acknowledged = (text: string, topic = text): Acknowledged => ({
  topic,
  bytes: text.length,
  store: undefined,
  encode: packetId => Buffer.from(`${text}#${packetId} `),
})

/** Fills the socket, so that everything behind it has to wait. */
async function full(outgoing: Outgoing, conn: Socket): Promise<void> {
  conn.isOpen = false
  outgoing.send(Buffer.alloc(HOLD_ABOVE_BYTES + 1, 'x'))
  await turn()
  conn.taken.length = 0
}

test('what one turn of the event loop sends is one write', async () => {
  const { conn, outgoing } = opened()
  for (const text of ['a', 'b', 'c']) outgoing.send(Buffer.from(text))
  await turn()
  assert.deepEqual(conn.taken, ['abc'])
})

test('so many messages are in flight; the rest waits in order for acknowledgements', async () => {
  const { conn, outgoing } = opened()
  for (let n = 1; n <= MOST_IN_FLIGHT + 3; n += 1) outgoing.sendAcknowledged(acknowledged(`m${n}`), false)
  await turn()
  assert.equal(conn.taken.join('').split(' ').length - 1, MOST_IN_FLIGHT)
  conn.taken.length = 0
  outgoing.acknowledged(7)
  outgoing.acknowledged(7)
  outgoing.acknowledged(1)
  await turn()
  assert.equal(
    conn.taken.join(''),
    `m${MOST_IN_FLIGHT + 1}#${MOST_IN_FLIGHT + 1} m${MOST_IN_FLIGHT + 2}#${MOST_IN_FLIGHT + 2} `,
  )
  assert.equal(outgoing.inFlight.size, MOST_IN_FLIGHT)
})

test('a message of QoS 0 does not wait for acknowledgements', async () => {
  const { conn, outgoing } = opened()
  for (let n = 0; n <= MOST_IN_FLIGHT; n += 1) outgoing.sendAcknowledged(acknowledged('m'), false)
  outgoing.send(Buffer.from('position'), 'a')
  await turn()
  assert.ok(conn.taken.join('').endsWith('position'))
})

test('behind a full socket what may not be lost comes first, and of positions the newest of each topic', async () => {
  const { conn, counted, outgoing } = opened()
  await full(outgoing, conn)
  for (const n of [1, 2, 3]) {
    outgoing.send(Buffer.from(`a${n} `), 'a')
    outgoing.send(Buffer.from(`b${n} `), 'b')
    outgoing.sendAcknowledged(acknowledged(`alert${n}`), false)
    outgoing.sendAcknowledged(acknowledged(`fix${n}`, 'c'), true)
  }
  await turns()
  assert.deepEqual(conn.taken, [])
  conn.open()
  await turns()
  assert.equal(conn.taken.join(''), 'alert1#1 alert2#2 alert3#3 a3 b3 fix3#4 ')
  assert.deepEqual(counted, Array(6).fill('drop'))
  assert.equal(outgoing.waitingBytes, 0)
  outgoing.send(Buffer.from('after'), 'a')
  await turn()
  assert.equal(conn.taken.at(-1), 'after')
})

test('what waits and may not be received any more is not sent; a stored session is asked when it is its turn', async () => {
  const { conn, counted, outgoing } = opened()
  await full(outgoing, conn)
  for (const topic of ['kept', 'gone', 'käpt', 'gäne']) {
    // Long ones have their length in two bytes.
    for (const payload of ['', 'x'.repeat(200)]) outgoing.send(encodePublish({ topic, payload, retain: false }))
    outgoing.sendAcknowledged(acknowledged(`${topic}1`, topic), false)
    outgoing.sendAcknowledged({ ...acknowledged(`${topic}2`, topic), store: async () => true }, false)
    outgoing.send(Buffer.from(`${topic}3 `), topic)
  }
  const before = outgoing.waitingBytes
  outgoing.withdraw(topic => !topic.startsWith('g'))
  assert.ok(outgoing.waitingBytes < before)
  conn.open()
  await turns()
  const sent = conn.taken.join('')
  assert.deepEqual(sent.match(/gone|gäne/g), ['gone', 'gäne'], 'of the stored session')
  assert.equal(sent.match(/x{200}/g)?.length, 2)
  assert.equal(sent.match(/(kept|käpt)[123]/g)?.length, 6)
  assert.equal(outgoing.waitingBytes, 0)
  assert.deepEqual(counted, [], 'that is not losing')
})

test('a consumer of whom all that waited was withdrawn is not given up', async () => {
  const { counted, outgoing } = opened(30)
  for (let n = 0; n <= MOST_IN_FLIGHT; n += 1) outgoing.sendAcknowledged(acknowledged('gone'), false)
  outgoing.withdraw(() => false)
  await new Promise(resolve => setTimeout(resolve, 60))
  assert.deepEqual([counted, outgoing.waitingBytes], [[], 0])
})

test('what waits and may be lost is bounded, what may not be lost is too, and then the consumer is given up', async () => {
  const { conn, counted, outgoing } = opened()
  await full(outgoing, conn)
  const large = Buffer.alloc(100_000)
  for (let n = 0; n < 100; n += 1) outgoing.send(large, `topic ${n}`)
  for (let n = 0; n < 100; n += 1) outgoing.send(large)
  assert.ok(outgoing.waitingBytes <= 2 * DROP_ABOVE_BYTES)
  assert.equal(counted.length, 200 - 2 * Math.floor(DROP_ABOVE_BYTES / large.length))
  assert.equal(conn.destroyed, false)
  const alert = { ...acknowledged('alert'), bytes: large.length }
  for (let n = 0; n <= CLOSE_ABOVE_BYTES / large.length; n += 1) outgoing.sendAcknowledged(alert, false)
  assert.equal(conn.destroyed, true)
  assert.equal(counted.at(-1), 'close')
  assert.equal(outgoing.waitingBytes, 0)
})

test('who waits for room is called when there is some, and when there is nobody to send to', async () => {
  const { conn, outgoing } = opened()
  let called = 0
  const done = () => {
    called += 1
  }
  outgoing.answer(Buffer.from('ack'), done)
  assert.equal(called, 1)
  await full(outgoing, conn)
  outgoing.answer(Buffer.from('ack'), done)
  await turns()
  assert.equal(called, 1)
  conn.open()
  await turns()
  assert.equal(called, 2)
  await full(outgoing, conn)
  outgoing.whenRoom(done)
  outgoing.end()
  assert.equal(called, 3)
})

test('a place of a resumed session is free again with an acknowledgement, or when the connection ends', async () => {
  const { outgoing } = opened()
  const enter = async (id: number) => {
    const isRoom = await outgoing.inFlight.room()
    if (isRoom) outgoing.inFlight.add(id)
    entered.push([id, isRoom])
  }
  const entered: [number, boolean][] = []
  for (let id = 1; id <= MOST_IN_FLIGHT; id += 1) await enter(id)
  entered.length = 0
  const waiting = [enter(100), enter(101)]
  await turns()
  assert.deepEqual(entered, [])
  outgoing.acknowledged(5)
  await turns()
  assert.deepEqual(entered, [[100, true]])
  outgoing.end()
  await Promise.all(waiting)
  assert.deepEqual(entered, [
    [100, true],
    [101, false],
  ])
})

test('a message of a stored session has its packet identifier stored when there is room for it, and is written after that, in order', async () => {
  const { conn, outgoing } = opened()
  const stores: { id: number; answer: (isToBeSent: boolean) => void }[] = []
  const stored = (text: string): Acknowledged => ({
    ...acknowledged(text),
    store: id => new Promise(resolve => stores.push({ id, answer: resolve })),
  })
  const more = 3
  for (let n = 1; n <= MOST_IN_FLIGHT + more; n += 1) outgoing.sendAcknowledged(stored(`${n}`), false)
  assert.deepEqual(
    stores.map(({ id }) => id),
    Array.from({ length: MOST_IN_FLIGHT }, (_, i) => i + 1),
  )
  // The second is stored first and waits; the third is not to be sent any more and makes room for the next.
  stores[1]!.answer(true)
  await turns()
  assert.deepEqual(conn.taken, [])
  stores[2]!.answer(false)
  stores[0]!.answer(true)
  await turns()
  assert.deepEqual(conn.taken, ['1#1 2#2 '])
  assert.equal(stores.length, MOST_IN_FLIGHT + 1)
  for (const { answer } of stores.slice(3)) answer(true)
  await turns()
  outgoing.acknowledged(2)
  outgoing.acknowledged(1)
  for (const { answer } of stores.slice(MOST_IN_FLIGHT + 1)) answer(true)
  await turns()
  const sent = conn.taken.join('').trim().split(' ')
  const expected = Array.from({ length: MOST_IN_FLIGHT + more }, (_, i) => `${i + 1}#${i + 1}`)
  assert.deepEqual(sent, expected.toSpliced(2, 1))
  assert.equal(outgoing.inFlight.size, MOST_IN_FLIGHT)
})
