import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Batch, createInbox, FIXES_KEPT, GATHER_MS } from '../../web-client/dashboard/src/live/inbox.ts'
import type { LiveMessage } from '../../web-client/dashboard/src/live/messages.ts'

const fix = (deviceId: string, timestamp: number): LiveMessage => ({
  kind: 'fix',
  deviceId,
  fix: { timestamp, location: { lat: 41, lng: -8 } },
})
const alert = (id: string): LiveMessage => ({ kind: 'alert', event: { id } as never })
const sos = (id: string): LiveMessage => ({ kind: 'sos', event: { id } as never })

function open(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 })
  const batches: Batch[] = []
  const inbox = createInbox(batch => batches.push(batch))
  t.after(() => inbox.close())
  return { inbox, batches, pass: (ms: number) => t.mock.timers.tick(ms) }
}

test('messages are gathered, and told since when they wait', t => {
  const { inbox, batches, pass } = open(t)
  inbox.take(fix('a', 1))
  pass(GATHER_MS - 1)
  inbox.take(fix('b', 1))
  assert.deepEqual(batches, [])
  pass(1)
  assert.deepEqual(batches, [{ messages: [fix('a', 1), fix('b', 1)], sinceMs: 1_000_000 }])
})

test('a view that is busy is handed nothing more, and then the newest instead of a queue', t => {
  const { inbox, batches, pass } = open(t)
  inbox.take(fix('a', 0))
  pass(GATHER_MS)
  for (let i = 1; i <= 500; i += 1) {
    inbox.take(fix('a', i))
    inbox.take({ kind: 'status', deviceId: 'a', status: { state: i % 2 === 0 ? 'online' : 'offline' } })
    inbox.take(alert(`e${i}`))
    pass(20)
  }
  assert.equal(batches.length, 1, 'one is in hand')
  inbox.taken()
  pass(GATHER_MS)
  assert.equal(batches.length, 2)
  const { messages, sinceMs } = batches[1]!
  assert.equal(sinceMs, 1_000_000 + GATHER_MS)
  const stamps = messages.flatMap(message => (message.kind === 'fix' ? [message.fix.timestamp] : []))
  assert.deepEqual(
    stamps,
    Array.from({ length: FIXES_KEPT }, (_, i) => 501 - FIXES_KEPT + i),
    'the newest fixes',
  )
  assert.deepEqual(
    messages.filter(({ kind }) => kind === 'status'),
    [{ kind: 'status', deviceId: 'a', status: { state: 'online' } }],
    'the newest status',
  )
  assert.equal(messages.filter(({ kind }) => kind === 'alert').length, 500, 'every alert')
})

test('late fixes do not push the newest out', t => {
  const { inbox, batches, pass } = open(t)
  inbox.take(fix('a', 1_000))
  for (let i = 0; i < FIXES_KEPT + 5; i += 1) inbox.take(fix('a', i))
  pass(GATHER_MS)
  assert.ok(batches[0]?.messages.some(message => message.kind === 'fix' && message.fix.timestamp === 1_000))
})

test('an SOS waits for nothing, and what happened before it comes before it', t => {
  const { inbox, batches, pass } = open(t)
  inbox.take(fix('a', 0))
  pass(GATHER_MS)
  inbox.take(fix('a', 1))
  inbox.take(alert('before'))
  inbox.take(sos('help'))
  assert.deepEqual(batches[1]?.messages, [alert('before'), sos('help')])
})

test('a closed inbox is silent', t => {
  const { inbox, batches, pass } = open(t)
  inbox.take(fix('a', 0))
  inbox.close()
  pass(GATHER_MS * 10)
  assert.deepEqual(batches, [])
})
