import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pino } from 'pino'
import { Backlog } from '../../../bridge/ingest/backlog.ts'
import { type QueuedFix, queueBatch, queueOne } from '../../../bridge/ingest/fix-queue.ts'
import type { FixResult, SentFix } from '../../../bridge/ingest/ingest.ts'

const NOW = Date.now()
const MOST_FIXES = 50_000
const SENDER = { sub: 'd', role: 'device', address: undefined } as const

function backlogOf() {
  const lines: Record<string, unknown>[] = []
  const logger = pino({ base: null }, { write: line => void lines.push(JSON.parse(line)) })
  const foresight = { isQuiet: () => true, forget: () => {} }
  const backlog = new Backlog({ logger, now: () => NOW, foresight })
  return { backlog, lines }
}

/** One message of a device with so many fixes. */
function message(deviceId: string, second: number, { count = 1, mayThin = false, bytes = 100 } = {}) {
  const fixes = Array.from({ length: count }, (_, i) => ({
    timestamp: NOW - 3_600_000 + second * 1_000 + i,
    location: { lat: 1, lng: 1 },
  }))
  const sent = { org: 'demo', deviceId, receivedAt: NOW, bytes }
  if (mayThin) return unawaited({ ...sent, registers: true, fix: fixes[0]!, from: SENDER, told: () => {} })
  const batch = { ...sent, fixes, registers: true }
  return queueBatch(batch, { nowMs: NOW, registers: true, clockOffsetMs: 0, onRefused: () => {} })
}

function unawaited(sent: SentFix): { items: QueuedFix[]; results: Promise<FixResult[]> } {
  let settle!: (result: FixResult) => void
  const results = new Promise<FixResult[]>(resolve => {
    settle = result => resolve([result])
  })
  const message = { settle: (_: QueuedFix, result: FixResult) => settle(result), fail: () => {} }
  return { items: [queueOne(sent, { key: `demo/${sent.deviceId}`, nowMs: NOW, message, isAwaited: false })], results }
}

function add(backlog: Backlog, ...of: Parameters<typeof message>): Promise<FixResult[]> {
  const { items, results } = message(...of)
  for (const item of items) backlog.add(item)
  return results
}

const devices = (group: readonly QueuedFix[]) => group.map(({ deviceId }) => deviceId)
const seconds = (group: readonly QueuedFix[], deviceId: string) =>
  group.filter(fix => fix.deviceId === deviceId).map(({ fix }) => (fix.timestamp - NOW + 3_600_000) / 1_000)

test('devices with thousands waiting do not make another one wait: it is in one of the next two groups, and the groups are not small', () => {
  const { backlog } = backlogOf()
  for (let i = 0; i < 5_000; i += 1) void add(backlog, 'flood', i)
  for (let i = 0; i < 5; i += 1)
    for (let device = 0; device < 5; device += 1) void add(backlog, `batches-${device}`, i, { count: 1_000 })
  for (let i = 0; i < 20; i += 1) {
    void add(backlog, 'honest', i)
    const [group, next] = [backlog.take(500), backlog.take(500)]
    assert.ok(devices(group).includes('honest') || devices(next).includes('honest'))
    assert.ok(group.length + next.length > 500)
  }
})

test('large messages have their turn though small ones would fill every group', () => {
  const { backlog } = backlogOf()
  for (let i = 0; i < 10; i += 1) for (let device = 0; device < 500; device += 1) void add(backlog, `d${device}`, i)
  void add(backlog, 'batches', 0, { count: 1_000 })
  const groups = Array.from({ length: 10 }, () => backlog.take(500))
  assert.ok(groups.some(group => devices(group).includes('batches')))
})

test('what the small ones leave goes to those with much; in the end everything was taken, each device in its order', () => {
  const arrivals = fc.array(
    fc.record({ device: fc.constantFrom('a', 'b', 'c', 'd'), count: fc.integer({ min: 1, max: 30 }) }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(arrivals, fc.integer({ min: 1, max: 40 }), (list, most) => {
      const { backlog } = backlogOf()
      const sent: QueuedFix[] = []
      for (const [i, { device, count }] of list.entries()) {
        const { items } = message(device, i, { count })
        for (const item of items) backlog.add(item)
        sent.push(...items)
      }
      const taken: QueuedFix[] = []
      while (backlog.length > 0) {
        const group = backlog.take(most)
        assert.ok(group.length > 0 && group.length <= most)
        taken.push(...group)
      }
      assert.equal(backlog.bytes, 0)
      for (const device of ['a', 'b', 'c', 'd']) {
        const of = (fixes: QueuedFix[]) => fixes.filter(({ deviceId }) => deviceId === device)
        assert.deepEqual(of(taken), of(sent))
      }
    }),
    { numRuns: 200 },
  )
})

test('a message stays whole where it fits into a group', () => {
  const { backlog } = backlogOf()
  for (const device of ['a', 'b', 'c']) void add(backlog, device, 0, { count: 200 })
  assert.deepEqual(devices(backlog.take(500)), [...Array(200).fill('a'), ...Array(200).fill('b')])
  assert.deepEqual(devices(backlog.take(500)), Array(200).fill('c'))
})

test('in overload the newest fix of each device is stored, what it replaces is counted; before it and after it every one is', async () => {
  const { backlog, lines } = backlogOf()
  const perDevice = MOST_FIXES / 100
  for (let i = 0; i < perDevice; i += 1) {
    for (let device = 0; device < 100; device += 1) void add(backlog, `d${device}`, i, { mayThin: true })
  }
  assert.equal(backlog.length, MOST_FIXES)
  assert.equal(backlog.isOverloaded, false)
  const results: Promise<FixResult[]>[] = []
  for (let i = 0; i < 50; i += 1) results.push(add(backlog, 'd7', perDevice + i, { mayThin: true }))
  const late = add(backlog, 'd7', 0, { mayThin: true })
  assert.equal(backlog.length, MOST_FIXES)
  assert.deepEqual(await late, [{ status: 'thinned' }])
  assert.deepEqual(await Promise.all(results.slice(0, -1)), Array(49).fill([{ status: 'thinned' }]))
  // QoS 1 is never thinned, and a device of which nothing waits is never refused.
  void add(backlog, 'd7', 900)
  void add(backlog, 'd7', 901)
  assert.equal(backlog.length, MOST_FIXES + 2)
  assert.equal(backlog.hasRoomFor('demo/d7'), false)
  assert.equal(backlog.hasRoomFor('demo/quiet'), true)
  const taken: QueuedFix[] = []
  while (backlog.length > 0) taken.push(...backlog.take(500))
  assert.deepEqual(seconds(taken, 'd7').slice(-4), [perDevice - 2, perDevice + 49, 900, 901])
  assert.equal(seconds(taken, 'd8').length, perDevice)
  assert.deepEqual(
    lines.map(({ msg, thinned, refused, mostFixes }) => ({
      msg: String(msg).slice(0, 16),
      thinned,
      refused,
      mostFixes,
    })),
    [
      { msg: 'overload: fixes ', thinned: undefined, refused: undefined, mostFixes: undefined },
      { msg: 'overload is over', thinned: 51, refused: 1, mostFixes: MOST_FIXES },
    ],
  )
})

test('while there is no time to store, of each device the newest that nobody waits for stays, and all that somebody waits for', async () => {
  const { backlog, lines } = backlogOf()
  const early: Promise<FixResult[]>[] = []
  for (const second of [0, 2, 1]) early.push(add(backlog, 'd1', second, { mayThin: true }))
  void add(backlog, 'd1', 3)
  void add(backlog, 'd2', 0, { count: 2 })
  assert.deepEqual([backlog.length, backlog.awaited], [6, 3])
  backlog.press(true)
  assert.equal(backlog.isOverloaded, true)
  assert.deepEqual(await early[0], [{ status: 'thinned' }])
  assert.deepEqual(await early[2], [{ status: 'thinned' }])
  assert.deepEqual([backlog.length, backlog.awaited, backlog.thinned], [4, 3, 2])
  // What comes meanwhile is thinned too, and pressing again changes nothing.
  for (const second of [4, 5, 6]) void add(backlog, 'd1', second, { mayThin: true })
  backlog.press(true)
  assert.deepEqual(seconds(backlog.take(500), 'd1'), [2, 3, 6])
  assert.deepEqual([backlog.length, backlog.awaited, backlog.bytes], [0, 0, 0])
  assert.equal(backlog.isOverloaded, true)
  backlog.press(false)
  assert.equal(backlog.isOverloaded, false)
  assert.deepEqual(
    lines.map(({ msg, thinned }) => [String(msg).slice(0, 16), thinned]),
    [
      ['overload: fixes ', undefined],
      ['overload is over', 4],
    ],
  )
})

test('few but large ones are overload too', async () => {
  const { backlog } = backlogOf()
  for (let i = 0; i < 130; i += 1) void add(backlog, 'large', i, { bytes: 262_144, mayThin: true })
  assert.equal(backlog.isOverloaded, true)
  assert.ok(backlog.bytes < 33 * 1_048_576)
  assert.ok(backlog.length < 130)
})
