import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SosEvent } from '../../contract/index.ts'
import {
  applySos,
  closeAlert,
  closeDevice,
  NO_SOS,
  openAlerts,
  reconcileSos,
} from '../../web-client/dashboard/src/live/sos.ts'

function sos(event: SosEvent['event'], timestamp: number, more: Partial<SosEvent> = {}): SosEvent {
  return { id: `${event}-${timestamp}`, alertId: 'a1', event, deviceId: 'truck-7', timestamp, openedAt: 100, ...more }
}

test('a trigger opens, an acknowledgement says who, a resolve closes', () => {
  const opened = applySos(NO_SOS, sos('triggered', 100, { message: 'Brakes failed' }), 0)
  assert.equal(openAlerts(opened)[0]?.acknowledged, null)
  const seen = applySos(opened, sos('acknowledged', 130, { by: 'ana', note: 'on my way' }), 0)
  assert.deepEqual(openAlerts(seen)[0]?.acknowledged, { by: 'ana', at: 130, note: 'on my way' })
  assert.equal(openAlerts(seen)[0]?.message, 'Brakes failed', 'the words of the trigger stay')
  assert.deepEqual(openAlerts(applySos(seen, sos('resolved', 200), 0)), [])
})

test('the sender may cancel', () => {
  assert.equal(applySos(applySos(NO_SOS, sos('triggered', 100), 0), sos('cancelled', 101), 0).open.size, 0)
})

test('a message that comes late does not open a closed alert again', () => {
  const closed = applySos(applySos(NO_SOS, sos('triggered', 100), 0), sos('resolved', 200), 0)
  assert.equal(applySos(closed, sos('triggered', 100), 0), closed)
  assert.equal(applySos(closed, sos('acknowledged', 150), 0), closed)
})

test('an acknowledgement that comes before its trigger is kept', () => {
  const state = applySos(applySos(NO_SOS, sos('acknowledged', 130, { by: 'ana' }), 0), sos('triggered', 100), 0)
  assert.equal(openAlerts(state)[0]?.acknowledged?.by, 'ana')
})

test('the first acknowledgement stands while its event is told again with new positions', () => {
  const first = applySos(NO_SOS, sos('acknowledged', 130, { by: 'ana', location: { lat: 1, lng: 1 } }), 0)
  const again = applySos(first, sos('acknowledged', 130, { location: { lat: 2, lng: 2 } }), 0)
  const [alert] = openAlerts(again)
  assert.equal(alert?.acknowledged?.by, 'ana')
  assert.deepEqual(alert?.location, { lat: 2, lng: 2 })
})

test('an older event does not move the position back', () => {
  const state = applySos(NO_SOS, sos('escalated', 150, { location: { lat: 2, lng: 2 } }), 0)
  const late = applySos(state, sos('triggered', 100, { location: { lat: 1, lng: 1 } }), 0)
  assert.deepEqual(openAlerts(late)[0]?.location, { lat: 2, lng: 2 })
})

test('the cleared retained message of a device closes what it had open', () => {
  const two = applySos(
    applySos(NO_SOS, sos('triggered', 100), 0),
    sos('triggered', 90, { alertId: 'b', deviceId: 'van' }),
    0,
  )
  assert.deepEqual(
    openAlerts(closeDevice(two, 'truck-7')).map(({ alertId }) => alertId),
    ['b'],
  )
  assert.equal(closeDevice(two, 'nobody'), two)
})

test('closing twice is closing once', () => {
  const closed = closeAlert(NO_SOS, 'a1')
  assert.equal(closeAlert(closed, 'a1'), closed)
})

test('the list over HTTP closes what ended during an outage, and keeps what came after it was asked for', () => {
  const before = applySos(NO_SOS, sos('triggered', 100, { alertId: 'old' }), 1_000)
  const during = applySos(before, sos('triggered', 100, { alertId: 'new', deviceId: 'van' }), 2_500)
  const state = reconcileSos(during, [sos('triggered', 100, { alertId: 'listed', deviceId: 'bus' })], 2_000, 3_000)
  assert.deepEqual([...state.open.keys()].sort(), ['listed', 'new'])
})

test('unacknowledged alerts come first, then the longest waiting', () => {
  const state = [
    sos('acknowledged', 300, { alertId: 'seen', deviceId: 'a', openedAt: 50 }),
    sos('triggered', 300, { alertId: 'young', deviceId: 'b', openedAt: 200 }),
    sos('triggered', 300, { alertId: 'old', deviceId: 'c', openedAt: 100 }),
  ].reduce((next, event) => applySos(next, event, 0), NO_SOS)
  assert.deepEqual(
    openAlerts(state).map(({ alertId }) => alertId),
    ['old', 'young', 'seen'],
  )
})

test('an alert that is taken up again waits for an acknowledgement of its new round; the old one does not count', () => {
  const seen = applySos(NO_SOS, sos('acknowledged', 130, { by: 'ana' }), 0)
  const again = applySos(seen, sos('escalated', 900, { tier: 0, round: 1 }), 0)
  assert.equal(openAlerts(again)[0]?.acknowledged, null)
  const answered = applySos(again, sos('acknowledged', 950, { by: 'bo', round: 1 }), 0)
  assert.equal(openAlerts(answered)[0]?.acknowledged?.by, 'bo')
})

test('a drill, a late one and its tier are known as such, whichever event says so', () => {
  const state = [
    sos('triggered', 100, { drill: true, late: true }),
    sos('escalated', 200, { tier: 2, drill: true, late: true }),
    sos('acknowledged', 210, { drill: true, late: true }),
  ].reduce((next, event) => applySos(next, event, 0), NO_SOS)
  const [alert] = openAlerts(state)
  assert.deepEqual([alert?.drill, alert?.late, alert?.tier], [true, true, 2])
})
