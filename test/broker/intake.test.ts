import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Intake } from '../../broker/delivery/intake.ts'
import { OrderedAnswers, type Turn } from '../../broker/delivery/ordered-answers.ts'
import { silent } from '../support/broker.ts'

const MOST_BYTES = 1_000
const intakeOf = () => new Intake({ logger: silent, now: Date.now, mostBytes: MOST_BYTES })

/** A connection that sends for as long as it is read. */
class Sender {
  isRead = true
  readonly turns: Turn[] = []
  readonly answers: OrderedAnswers

  constructor(intake: Intake, principal: string) {
    const pause = () => {
      this.isRead = false
    }
    const resume = () => {
      this.isRead = true
    }
    this.answers = new OrderedAnswers({ pause, resume }, intake.enter(principal))
  }

  send(bytes: number, count = 1): number {
    let sent = 0
    for (; sent < count && this.isRead; sent += 1) this.turns.push(this.answers.take(bytes))
    return sent
  }

  answered(count = 1): void {
    for (const turn of this.turns.splice(0, count)) turn.answer(() => {})
  }
}

test('one who floods is held at a fifth of all, with all its connections; whoever comes then is read', () => {
  const intake = intakeOf()
  const [one, another] = [new Sender(intake, 'flood'), new Sender(intake, 'flood')]
  assert.equal(one.send(10, 1_000), 20)
  assert.equal(another.send(10, 1_000), 1)
  assert.equal(intake.isOverloaded, true)
  for (let i = 0; i < 10; i += 1) assert.equal(new Sender(intake, `honest-${i}`).send(10), 1)
  assert.equal(one.isRead, false)
  one.answered(20)
  assert.equal(one.isRead, true)
  assert.equal(another.isRead, true)
  assert.equal(intake.isOverloaded, false)
})

test('many who flood have equal parts, and those with little in hand are not held', () => {
  const intake = intakeOf()
  const floods = Array.from({ length: 20 }, (_, i) => new Sender(intake, `flood-${i}`))
  const honest = new Sender(intake, 'honest')
  for (let round = 0; round < 40; round += 1) for (const flood of floods) flood.send(5)
  const parts = floods.map(({ turns }) => turns.length)
  assert.ok(Math.max(...parts) - Math.min(...parts) <= 1, parts.join())
  assert.equal(honest.send(5), 1)
  assert.equal(honest.isRead, true)
  assert.ok(intake.bytes <= MOST_BYTES)
})

test('what is held is read again as others are answered, the one that was asked longest ago first', () => {
  const intake = intakeOf()
  const senders = Array.from({ length: 8 }, (_, i) => new Sender(intake, `s${i}`))
  for (let round = 0; round < 20; round += 1) for (const sender of senders) sender.send(20)
  assert.ok(senders.every(({ isRead }) => !isRead))
  for (const sender of senders.slice(0, 4)) sender.answered(sender.turns.length)
  assert.ok(senders.every(({ isRead }) => isRead))
})

test('what a connection leaves behind counts until it is done; what was put off goes with it', () => {
  const intake = intakeOf()
  const sender = new Sender(intake, 'a')
  sender.send(10, 3)
  sender.turns[0]!.putOff()
  const given: number[] = []
  sender.turns[1]!.answer(() => given.push(1))
  sender.answers.end()
  assert.deepEqual([intake.bytes, intake.messages], [10, 1])
  assert.deepEqual(given, [1])
  sender.turns[2]!.answer(() => given.push(2))
  assert.deepEqual([intake.bytes, intake.messages], [0, 0])
  assert.deepEqual(given, [1, 2])
})

test('whatever comes and goes: the whole is bounded, who has nothing in hand is read, and in the end nothing is left', () => {
  const step = fc.record({
    who: fc.nat(5),
    act: fc.constantFrom('send', 'send', 'work on', 'answer', 'leave'),
    bytes: fc.integer({ min: 1, max: 300 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const intake = intakeOf()
      // Two connections of each of three principals.
      const made = Array.from({ length: 6 }, (_, i) => new Sender(intake, `p${i % 3}`))
      const senders = [...made]
      const unordered: (() => void)[] = []
      for (const { who, act, bytes } of steps) {
        const sender = senders[who]!
        if (act === 'send') sender.send(bytes)
        else if (act === 'work on' && sender.isRead) unordered.push(sender.answers.workOn(bytes))
        else if (act === 'answer') sender.answered()
        else if (act === 'leave') {
          sender.answers.end()
          senders[who] = new Sender(intake, `p${who % 3}`)
          made.push(senders[who])
        }
        // Each of the connections that came may have brought one message when there was no room any more.
        assert.ok(intake.bytes <= MOST_BYTES + made.length * 300)
        assert.equal(intake.held > 0 && !intake.isOverloaded, false)
      }
      for (const done of unordered) done()
      for (const sender of made) sender.answered(sender.turns.length)
      assert.deepEqual([intake.bytes, intake.messages, intake.held], [0, 0, 0])
      assert.equal(intake.isOverloaded, false)
      for (const { isRead } of senders) assert.equal(isRead, true)
    }),
    { numRuns: 300 },
  )
})
