import { type Trip, TripFinder, type TripSettings } from '../../geofence-engine/index.ts'
import type { Queryable } from '../store/database.ts'
import { fixOf } from '../store/queries/history.ts'
import { type HistoryQuestion, readHistory } from './read-history.ts'

/** A device that hardly ever moves: the page ends at the first standstill behind so many fixes, with what was found. */
const ENOUGH_FIXES = 200_000

export interface TripPage {
  readonly trips: readonly Trip[]
  /** Where reading goes on, milliseconds, inclusive; null: all of the range was read. */
  readonly nextFrom: number | null
}

/** Up to `limit` trips, ascending. A trip that began before `from` begins there. */
export async function readTrips(
  db: Queryable,
  question: Pick<HistoryQuestion, 'org' | 'deviceId' | 'from' | 'to'>,
  settings: TripSettings,
  limit: number,
  signal: AbortSignal,
): Promise<TripPage> {
  const finder = new TripFinder(settings)
  const trips: Trip[] = []
  let read = 0
  for await (const rows of readHistory(db, question)) {
    signal.throwIfAborted()
    for (const row of rows) {
      const trip = finder.push(fixOf(question.deviceId, row))
      if (trip === null) continue
      trips.push(trip)
      if (trips.length === limit) return { trips, nextFrom: trip.end.timestamp }
    }
    read += rows.length
    if (read >= ENOUGH_FIXES && finder.isStanding) return { trips, nextFrom: rows.at(-1)!.fix_time }
  }
  const last = finder.end()
  return { trips: last === null ? trips : [...trips, last], nextFrom: null }
}
