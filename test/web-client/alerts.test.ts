import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GeofenceEvent } from '../../contract/index.ts'
import { ALERT_LIMIT, addAlerts, NO_ALERTS, staysOf } from '../../web-client/dashboard/src/live/alerts.ts'
import { alertText } from '../../web-client/dashboard/src/panels/alert-text.ts'

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
  const many = Array.from({ length: 2 * ALERT_LIMIT + 10 }, (_, i) => eventOf(`e${i}`, i))
  const { list, ids } = addAlerts(NO_ALERTS, many)
  assert.equal(list.length, ALERT_LIMIT)
  assert.equal(ids.size, ALERT_LIMIT)
  assert.equal(ids.has('e0'), false)
})

const correctionOf = (id: string, retracts: string) => eventOf(id, 30, { event: 'correction', retracts })

test('a correction marks what it retracts, whichever comes first, and is no row of its own', () => {
  const exit = eventOf('wrong', 30, { event: 'exit' })
  for (const order of [
    [eventOf('in', 10), exit, correctionOf('c', 'wrong')],
    [correctionOf('c', 'wrong'), exit, eventOf('in', 10)],
  ]) {
    const alerts = order.reduce((alerts, event) => addAlerts(alerts, [event]), NO_ALERTS)
    assert.deepEqual(
      alerts.list.map(({ id }) => id),
      ['wrong', 'in'],
    )
    assert.deepEqual([...alerts.retracted], ['wrong'])
    assert.deepEqual(staysOf(alerts, 'truck-7'), [{ fenceId: 'depot', fenceName: 'Depot', sinceMs: 10 }])
    assert.equal(addAlerts(alerts, [correctionOf('c', 'wrong')]), alerts)
  }
})

test('what a rule says of a device is listed with the rest', () => {
  const overspeed = { id: 'd', event: 'overspeed', phase: 'begin', deviceId: 'truck-7', timestamp: 20 } as const
  const { list } = addAlerts(NO_ALERTS, [eventOf('a', 10), overspeed])
  assert.deepEqual(list.map(alertText), [
    { verb: 'is too fast', about: '' },
    { verb: 'entered', about: 'Depot' },
  ])
  assert.deepEqual(staysOf({ list, retracted: new Set() }, 'truck-7').length, 1)
})

test('a device is in the fences it entered and has not left since', () => {
  const alerts = addAlerts(NO_ALERTS, [
    eventOf('1', 10),
    eventOf('2', 20, { event: 'exit' }),
    eventOf('3', 30),
    eventOf('4', 40, { event: 'dwell' }),
    eventOf('5', 15, { fenceId: 'harbour', fenceName: 'Harbour' }),
    eventOf('6', 25, { fenceId: 'harbour', fenceName: 'Harbour', event: 'exit' }),
    eventOf('7', 50, { deviceId: 'other', fenceId: 'city', fenceName: 'City' }),
  ])
  assert.deepEqual(staysOf(alerts, 'truck-7'), [{ fenceId: 'depot', fenceName: 'Depot', sinceMs: 30 }])
})
