import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyFixes, applyRegistered, type Devices } from '../../web-client/dashboard/src/live/devices.ts'
import { type Filter, NO_ORDER, orderByName, rowsOf } from '../../web-client/dashboard/src/panels/device-rows.ts'

const NOW = 1_000_000
const fix = (speed: number) => ({ timestamp: NOW, location: { lat: 41, lng: -8, speed } })
const FLEET: Devices = applyFixes(
  applyRegistered(new Map(), [
    { id: 'c', name: 'Truck 10', groups: ['north'] },
    { id: 'b', name: 'Truck 9', groups: ['south', 'night'] },
    { id: 'a', name: 'Bus', groups: [] },
  ]),
  [
    ['b', fix(10)],
    ['c', fix(0)],
  ],
)

function ids(filter: Filter, query = '', group = '', inDistress: readonly string[] = []): string[] {
  const { byName } = orderByName(FLEET, NO_ORDER)
  return rowsOf(FLEET, byName, new Set(inDistress), NOW, { query, filter, group }).shown.map(({ device }) => device.id)
}

test('rows stand by name, numbers by size, those in distress first; filters, words and groups narrow them', () => {
  assert.deepEqual(ids('all'), ['a', 'b', 'c'])
  assert.deepEqual(ids('all', '', '', ['c']), ['c', 'a', 'b'])
  assert.deepEqual(ids('moving'), ['b'])
  assert.deepEqual(ids('stopped'), ['c'])
  assert.deepEqual(ids('offline'), ['a'])
  assert.deepEqual(ids('sos', '', '', ['a']), ['a'])
  assert.deepEqual(ids('all', ' TRUCK'), ['b', 'c'])
  assert.deepEqual(ids('all', '', 'night'), ['b'])
  assert.deepEqual(ids('all', 'bus', 'night'), [])
})

test('every filter tells how many it would leave, of the chosen group', () => {
  const { byName } = orderByName(FLEET, NO_ORDER)
  const { counts } = rowsOf(FLEET, byName, new Set(['b']), NOW, { query: 'bus', filter: 'moving', group: '' })
  assert.deepEqual(counts, { all: 3, moving: 1, stopped: 1, offline: 1, sos: 1 })
})

test('names are not sorted again for a position, but for a name, a group or a device that goes', () => {
  const order = orderByName(FLEET, NO_ORDER)
  assert.deepEqual(order.groups, ['night', 'north', 'south'])
  assert.equal(orderByName(applyFixes(FLEET, [['a', fix(3)]]), order), order)
  assert.notEqual(orderByName(applyRegistered(FLEET, [{ id: 'a', name: 'Zeppelin' }]), order), order)
  assert.notEqual(orderByName(applyRegistered(FLEET, [{ id: 'a', name: 'Bus', groups: ['night'] }]), order), order)
  assert.notEqual(orderByName(new Map([...FLEET].slice(1)), order), order)
})
