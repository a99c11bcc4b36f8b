import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { expectedAt } from '../../../bridge/ingest/due.ts'
import { provisionalOf, reconcile } from '../../../bridge/ingest/provisional.ts'
import type { CommittedState } from '../../../bridge/ingest/state-cache.ts'
import {
  type EngineEvent,
  emptyState,
  evaluateFix,
  type Fix,
  isGeofenceEvent,
  type Surroundings,
} from '../../../geofence-engine/index.ts'
import { fencesOf, scheduled, settings, surroundingsOf, track } from '../../support/fence-arbitraries.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** Fixes that are received together, and when the clock is asked before the next are, as shares of that time. */
interface Upload {
  readonly fixes: readonly Fix[]
  readonly receivedAt: number
  readonly looks: readonly number[]
}

const share = fc.double({ min: 0, max: 1, noNaN: true })

/** Short enough that the last fix often comes before what the clock has said. */
const shortTrack = fc.tuple(track, fc.integer({ min: 2, max: 10 })).map(([fixes, count]) => fixes.slice(0, count))

/** Received as they are made, late by seconds or by days, now more and now less; or all of them ten years later within minutes. */
const uploads: fc.Arbitrary<Upload[]> = fc
  .tuple(
    shortTrack,
    fc.boolean(),
    fc.array(
      fc.record({
        size: fc.integer({ min: 1, max: 4 }),
        lag: fc.constantFrom(0, 0, 3_000, 7 * 3_600_000, 3 * DAY_MS),
        looks: fc.array(share, { maxLength: 3 }).map(looks => looks.sort((a, b) => a - b)),
      }),
      { minLength: 10, maxLength: 10 },
    ),
  )
  .map(([fixes, isOld, plans]) => {
    const sent: Upload[] = []
    let receivedAt = isOld ? fixes[0]!.timestamp + 3_650 * DAY_MS : 0
    for (let start = 0; start < fixes.length; ) {
      const { size, lag, looks } = plans[sent.length]!
      const part = fixes.slice(start, start + size)
      receivedAt = Math.max(receivedAt + MINUTE_MS, part.at(-1)!.timestamp + lag)
      sent.push({ fixes: part, receivedAt, looks })
      start += size
    }
    return sent
  })

/** What `evaluate` and `commitDue` make of one device, without a database. */
class Live {
  readonly #surroundings: Surroundings
  readonly standing = new Map<string, EngineEvent>()
  /** Ids of what the clock announced. */
  readonly byClock = new Set<string>()
  #state: CommittedState

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
    this.#state = {
      ...{ org: 'acme', deviceId: 'd', version: 0, newest: null, engine: emptyState(), heardAt: null, dueAt: null },
      ...{ sinceCheckpoint: 0, provisional: null, changes: null },
    }
  }

  receive({ fixes, receivedAt }: Pick<Upload, 'fixes' | 'receivedAt'>): void {
    const given = new Map<string, EngineEvent>()
    for (const fix of fixes) {
      const { state: engine, events } = evaluateFix(this.#surroundings, this.#state.engine, fix)
      this.#state = { ...this.#state, engine, newest: fix, heardAt: receivedAt }
      for (const event of events) given.set(event.id, event)
    }
    const { provisional, expected, contradicted } = reconcile(
      this.#surroundings,
      this.#state,
      new Set(given.keys()),
      receivedAt,
    )
    this.#state = { ...this.#state, provisional }
    for (const { baseId } of contradicted) assert.ok(this.standing.delete(baseId))
    for (const event of expected) assert.ok(this.standing.has(event.id))
    for (const event of [...given.values(), ...expected]) this.standing.set(event.id, event)
  }

  /** @returns ids of all that is due */
  look(nowMs: number): string[] {
    const before = this.#state.provisional ?? []
    const announced = new Set(before.map(({ baseId }) => baseId))
    const { events } = expectedAt(this.#surroundings, this.#state, nowMs)
    const fresh = events.filter(({ id }) => !announced.has(id))
    for (const event of fresh) {
      assert.ok(!this.standing.has(event.id), `${event.event} was told and is expected again`)
      this.standing.set(event.id, event)
      this.byClock.add(event.id)
    }
    const provisional = [...before, ...fresh.map(event => provisionalOf(this.#surroundings, event))]
    this.#state = { ...this.#state, provisional: provisional.length === 0 ? null : provisional }
    return events.map(({ id }) => id)
  }
}

test('whenever the clock is asked between uploads, the same events stand in the end, to the last detail', () => {
  fc.assert(
    fc.property(
      fencesOf(fc.oneof(settings, scheduled)),
      uploads,
      fc.integer({ min: 0, max: 9 * DAY_MS }),
      (fences, sent, silence) => {
        const surroundings = surroundingsOf(fences)
        const { receivedAt, fixes: last } = sent.at(-1)!
        // What an earlier upload made the clock say may lie ahead of what the last one makes it say: until event time is there too.
        const lag = Math.min(receivedAt - last.at(-1)!.timestamp, 10 * DAY_MS)
        const end = receivedAt + lag + silence
        const live = new Live(surroundings)
        for (const [i, upload] of sent.entries()) {
          live.receive(upload)
          const until = sent[i + 1]?.receivedAt ?? end
          for (const look of upload.looks) {
            live.look(Math.floor(upload.receivedAt + look * (until - upload.receivedAt)))
          }
        }
        live.look(end)
        const batch = new Live(surroundings)
        batch.receive({ fixes: sent.flatMap(({ fixes }) => fixes), receivedAt })
        batch.look(end)
        assert.deepEqual(inOrder(live), inOrder(batch))
      },
    ),
    { numRuns: 1_000 },
  )
})

test('what the clock said stays due; of a schedule that began before the newest fix was received it speaks in event time', () => {
  fc.assert(
    fc.property(
      fencesOf(scheduled),
      track,
      fc.oneof(fc.integer({ min: 0, max: 3 * DAY_MS }), fc.constant(3_650 * DAY_MS)),
      fc.array(share, { minLength: 2 }),
      (fences, fixes, lag, waits) => {
        const live = new Live(surroundingsOf(fences))
        const newest = fixes.at(-1)!.timestamp
        const receivedAt = newest + lag
        live.receive({ fixes, receivedAt })
        for (const wait of waits.sort((a, b) => a - b)) {
          const waited = Math.floor(wait * 9 * DAY_MS)
          const due = new Set(live.look(receivedAt + waited))
          for (const id of live.byClock) {
            assert.ok(due.has(id), 'the clock takes nothing back')
            const { timestamp } = live.standing.get(id)!
            assert.ok(timestamp > receivedAt || timestamp <= newest + waited, `${timestamp} after ${waited}`)
          }
        }
      },
    ),
    { numRuns: 500 },
  )
})

function inOrder({ standing }: Live): EngineEvent[] {
  return [...standing.values()].filter(isGeofenceEvent).sort((a, b) => (a.id < b.id ? -1 : 1))
}
