import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceStatus, LocationUpdate } from '../../contract/index.ts'
import {
  applyFixes,
  applyRegistered,
  applyStatuses,
  batteryOf,
  type Device,
  type Devices,
  STALE_AFTER_MS,
  speedOf,
  stateOf,
  TRAIL_GAP_MS,
  TRAIL_MS,
  TRAIL_POINTS,
} from '../../web-client/dashboard/src/live/devices.ts'

const NOW = 1_732_096_523_000
const NONE: Devices = new Map()

function fixAt(timestamp: number, more: Partial<LocationUpdate['location']> = {}): LocationUpdate {
  return { timestamp, location: { lat: 41.15, lng: -8.61, ...more } }
}

function deviceOf(fixes: LocationUpdate[], status: DeviceStatus | null = null): Device {
  const devices = applyFixes(
    NONE,
    fixes.map(fix => ['truck-7', fix] as const),
  )
  return applyStatuses(devices, [['truck-7', status]]).get('truck-7')!
}

test('the newest fix wins, whatever the order of arrival', () => {
  const { fix, trail } = deviceOf([
    fixAt(NOW, { lng: -8.6 }),
    fixAt(NOW - 5_000, { lng: -8.7 }),
    fixAt(NOW, { lng: -8.8 }),
  ])
  assert.equal(fix?.location.lng, -8.6, 'neither a late fix nor a repeat of the same time moves the dot')
  assert.deepEqual(trail, [{ position: [-8.6, 41.15], timestamp: NOW }])
})

test('fixes that change nothing leave the very same state', () => {
  const devices = applyFixes(NONE, [['truck-7', fixAt(NOW)]])
  assert.equal(applyFixes(devices, [['truck-7', fixAt(NOW - 1)]]), devices)
  assert.equal(applyFixes(devices, []), devices)
})

test('many fixes at once keep each device apart', () => {
  const devices = applyFixes(NONE, [
    ['a', fixAt(NOW, { lng: 1 })],
    ['b', fixAt(NOW, { lng: 2 })],
    ['a', fixAt(NOW + 1, { lng: 3 })],
  ])
  assert.equal(devices.get('a')?.fix?.location.lng, 3)
  assert.equal(devices.get('a')?.trail.length, 2)
  assert.equal(devices.get('b')?.fix?.location.lng, 2)
})

test('a trail forgets what is older than its span', () => {
  const fixes = [NOW - TRAIL_MS - 1_000, NOW - 120_000, NOW].flatMap((time, i, times) => {
    // Bridges the way so that no silence cuts it.
    const from = times[i - 1] ?? time
    const steps = []
    for (let t = from + 60_000; t < time; t += 60_000) steps.push(fixAt(t))
    return [...steps, fixAt(time)]
  })
  const { trail } = deviceOf(fixes)
  assert.ok(trail.every(({ timestamp }) => timestamp >= NOW - TRAIL_MS))
  assert.equal(trail.at(-1)?.timestamp, NOW)
})

test('a trail begins anew after a silence, so that no straight line claims a road', () => {
  const { trail } = deviceOf([fixAt(NOW), fixAt(NOW + 1_000), fixAt(NOW + 1_001 + TRAIL_GAP_MS)])
  assert.equal(trail.length, 1)
})

test('a trail has a limit of points', () => {
  const fixes = Array.from({ length: TRAIL_POINTS + 50 }, (_, i) => fixAt(NOW + i * 100))
  assert.equal(deviceOf(fixes).trail.length, TRAIL_POINTS)
})

test('registering names a device and takes nothing away from it', () => {
  const seen = applyFixes(NONE, [['truck-7', fixAt(NOW)]])
  const named = applyRegistered(seen, [{ id: 'truck-7', name: 'Blue truck' }])
  assert.equal(named.get('truck-7')?.name, 'Blue truck')
  assert.equal(named.get('truck-7')?.fix?.timestamp, NOW)
  assert.equal(applyRegistered(named, [{ id: 'truck-7', name: undefined }]), named, 'no name is no news')
  assert.equal(applyRegistered(NONE, [{ id: 'new', name: undefined }]).get('new')?.name, 'new')
})

const online: DeviceStatus = { state: 'online' }
const states: [string, LocationUpdate[], DeviceStatus | null, string][] = [
  ['a device that was only registered is unknown', [], null, 'unknown'],
  ['driving is moving', [fixAt(NOW, { speed: 13.9 })], online, 'moving'],
  ['standing with the noise of GPS is stopped', [fixAt(NOW, { speed: 0.3 })], online, 'stopped'],
  ['one fix without a speed is stopped, not guessed', [fixAt(NOW)], online, 'stopped'],
  [
    'two fixes without a speed show the movement themselves',
    [fixAt(NOW - 10_000, { lat: 41.15 }), fixAt(NOW, { lat: 41.151 })],
    online,
    'moving',
  ],
  ['no fix for long is stale, though connected', [fixAt(NOW - STALE_AFTER_MS - 1, { speed: 9 })], online, 'stale'],
  ['a lost connection is offline at once', [fixAt(NOW, { speed: 9 })], { state: 'offline' }, 'offline'],
  ['idle is no state of its own: what it does counts', [fixAt(NOW, { speed: 9 })], { state: 'idle' }, 'moving'],
]
for (const [name, fixes, status, expected] of states) {
  test(name, () => assert.equal(stateOf(deviceOf(fixes, status), NOW), expected))
}

test('speed comes from the device, else from its last two fixes', () => {
  assert.equal(speedOf(deviceOf([fixAt(NOW, { speed: 5 })])), 5)
  assert.equal(speedOf(deviceOf([fixAt(NOW)])), null)
  const measured = speedOf(deviceOf([fixAt(NOW, { lat: 41 }), fixAt(NOW + 10_000, { lat: 41.001 })]))
  assert.ok(measured !== null && Math.abs(measured - 11.1) < 0.1, `${measured} m/s`)
})

test('battery comes from the fix, else from the status', () => {
  assert.equal(batteryOf(deviceOf([{ ...fixAt(NOW), metadata: { battery: 81 } }], { state: 'online', battery: 4 })), 81)
  assert.equal(batteryOf(deviceOf([fixAt(NOW)], { state: 'online', battery: 4 })), 4)
  assert.equal(batteryOf(deviceOf([])), null)
})
