import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GeofenceEvent } from '../../contract/index.ts'
import { ALERT_LIMIT, addAlerts, NO_ALERTS, staysOf } from '../../web-client/dashboard/src/live/alerts.ts'

function eventOf(id: string, timestamp: number, more: Partial<GeofenceEvent> = {}): GeofenceEvent {
  return {
    id,
    event: 'enter',
    deviceId: 'truck-7',
    fenceId: 'depot',
    fenceName: 'Depot',
    timestamp,
    location: { lat: 41.15, lng: -8.61 },
    ...more,
  }
}

test('an event that comes twice, live and over HTTP, is listed once', () => {
  const live = addAlerts(NO_ALERTS, [eventOf('a', 1)])
  const filled = addAlerts(live, [eventOf('a', 1), eventOf('b', 2), eventOf('b', 2)])
  assert.deepEqual(
    filled.list.map(({ id }) => id),
    ['b', 'a'],
  )
  assert.equal(addAlerts(filled, [eventOf('b', 2)]), filled, 'nothing new is the very same state')
})

test('events are listed newest first, late ones in their place', () => {
  const { list } = addAlerts(addAlerts(NO_ALERTS, [eventOf('new', 30)]), [eventOf('late', 10), eventOf('mid', 20)])
  assert.deepEqual(
    list.map(({ id }) => id),
    ['new', 'mid', 'late'],
  )
})

test('the list has a limit, and forgets the ids with the events', () => {
  const many = Array.from({ length: ALERT_LIMIT + 10 }, (_, i) => eventOf(`e${i}`, i))
  const { list, ids } = addAlerts(NO_ALERTS, many)
  assert.equal(list.length, ALERT_LIMIT)
  assert.equal(ids.size, ALERT_LIMIT)
  assert.equal(ids.has('e0'), false)
})

test('a device is in the fences it entered and has not left since', () => {
  const { list } = addAlerts(NO_ALERTS, [
    eventOf('1', 10),
    eventOf('2', 20, { event: 'exit' }),
    eventOf('3', 30),
    eventOf('4', 40, { event: 'dwell' }),
    eventOf('5', 15, { fenceId: 'harbour', fenceName: 'Harbour' }),
    eventOf('6', 25, { fenceId: 'harbour', fenceName: 'Harbour', event: 'exit' }),
    eventOf('7', 50, { deviceId: 'other', fenceId: 'city', fenceName: 'City' }),
  ])
  assert.deepEqual(staysOf(list, 'truck-7'), [{ fenceId: 'depot', fenceName: 'Depot', sinceMs: 30 }])
})
