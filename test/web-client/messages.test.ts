import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decideFilter, type Principal, type Role } from '../../contract/index.ts'
import { decodeMessage, locationFilter, subscriptionsOf } from '../../web-client/dashboard/src/live/messages.ts'

const bytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
const FIX = { timestamp: 1_732_096_523_000, location: { lat: 41.15, lng: -8.61 } }
const EVENT = { id: 'e1' }

const cases: [string, string, Uint8Array, unknown][] = [
  ['a live position', 'demo/devices/truck-7/location', bytes(FIX), { kind: 'fix', deviceId: 'truck-7', fix: FIX }],
  ['the retained position', 'demo/devices/truck-7/last', bytes(FIX), { kind: 'fix', deviceId: 'truck-7', fix: FIX }],
  [
    'a status',
    'demo/devices/truck-7/status',
    bytes({ state: 'offline' }),
    { kind: 'status', deviceId: 'truck-7', status: { state: 'offline' } },
  ],
  ['a crossing', 'demo/notifications/geofence/enter/truck-7', bytes(EVENT), { kind: 'alert', event: EVENT }],
  ['an SOS transition', 'demo/notifications/sos/triggered/truck-7', bytes(EVENT), { kind: 'sos', event: EVENT }],
  ['an open SOS', 'demo/sos/truck-7', bytes(EVENT), { kind: 'sosOpen', deviceId: 'truck-7', event: EVENT }],
  ['a closed SOS', 'demo/sos/truck-7', bytes(''), { kind: 'sosOpen', deviceId: 'truck-7', event: null }],
  ['a fence', 'demo/fences/depot', bytes({ id: 'depot' }), { kind: 'fence', fenceId: 'depot', fence: { id: 'depot' } }],
  ['a deleted fence', 'demo/fences/depot', bytes(''), { kind: 'fence', fenceId: 'depot', fence: null }],
  [
    'a refusal',
    'demo/users/ana/errors',
    bytes({ code: 'x', message: 'y', topic: 'z' }),
    { kind: 'error', notice: { code: 'x', message: 'y', topic: 'z' } },
  ],
  ['a position without coordinates', 'demo/devices/truck-7/location', bytes({ timestamp: 1, location: {} }), null],
  ['an empty position', 'demo/devices/truck-7/last', bytes(''), null],
  ['what is not JSON', 'demo/devices/truck-7/location', bytes('{"timestamp":'), null],
  ['JSON that is no object', 'demo/sos/truck-7', bytes('7'), null],
  ['an event without an id', 'demo/notifications/geofence/exit/truck-7', bytes({}), null],
  ['a topic of no channel', 'demo/something/else', bytes(FIX), null],
  ['a channel the dashboard has no use for', 'demo/devices/truck-7/location/batch', bytes([FIX]), null],
]
for (const [name, topic, payload, expected] of cases) {
  test(`decodes ${name}`, () => assert.deepEqual(decodeMessage(topic, payload), expected))
}

test('a retained position is told apart, because its age says nothing of the line', () => {
  assert.deepEqual(decodeMessage('demo/devices/truck-7/last', bytes(FIX), true), {
    kind: 'fix',
    deviceId: 'truck-7',
    fix: FIX,
    retained: true,
  })
})

test('what a large fleet gives up is one of the subscriptions', () => {
  assert.ok(subscriptionsOf('demo', 'ana').some(({ filter }) => filter === locationFilter('demo')))
})

for (const role of ['user', 'dispatcher', 'admin'] as Role[]) {
  test(`a ${role} may hold every subscription of the dashboard`, () => {
    const principal: Principal = {
      org: 'demo',
      sub: 'ana',
      role,
      devices: new Set(['truck-7']),
      groups: [],
      acl: [],
      expiresAtMs: 0,
      issuedAtMs: undefined,
      jti: undefined,
      share: undefined,
      sid: undefined,
      use: undefined,
    }
    for (const { filter } of subscriptionsOf('demo', 'ana')) {
      const { allowed, reason } = decideFilter(principal, filter)
      assert.ok(allowed, `${filter}: ${reason}`)
    }
  })
}
