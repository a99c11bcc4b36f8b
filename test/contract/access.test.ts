import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Action,
  CHANNEL_NAMES,
  CHANNELS,
  type Channel,
  decideFilter,
  decideTopic,
  maySeeDevice,
  type Principal,
  principalOf,
  ROLES,
  type Role,
  visibleDevices,
} from '../../contract/index.ts'

function principal(role: Role, more: { sub?: string; devices?: string[] } = {}): Principal {
  return principalOf({ sub: 'me', org: 'demo', role, exp: 4_102_444_800, ...more })
}

const SUBJECTS: Readonly<Record<string, Principal>> = {
  device: principal('device', { sub: 'own' }),
  driver: principal('driver', { devices: ['own'] }),
  user: principal('user', { devices: ['own'] }),
  dispatcher: principal('dispatcher'),
  admin: principal('admin'),
  service: principal('service'),
}

/** Who may, of device, driver, user, dispatcher, admin, service; `own` is the device itself or the one granted. */
const TOPICS: readonly { action: Action; topic: string; who: string }[] = [
  { action: 'publish', topic: 'demo/devices/own/location', who: 'device driver service' },
  { action: 'publish', topic: 'demo/devices/other/location', who: 'service' },
  { action: 'publish', topic: 'demo/devices/own/location/batch', who: 'device driver service' },
  { action: 'publish', topic: 'demo/devices/own/status', who: 'device driver service' },
  { action: 'publish', topic: 'demo/devices/own/sos', who: 'device driver service' },
  { action: 'publish', topic: 'demo/devices/own/last', who: '' },
  { action: 'publish', topic: 'demo/fences/home', who: '' },
  { action: 'publish', topic: 'demo/notifications/geofence/enter/own', who: '' },
  { action: 'publish', topic: 'demo/sos/own', who: '' },
  { action: 'publish', topic: 'demo/incidents/in-1', who: '' },
  { action: 'publish', topic: 'demo/sos/alert/acknowledge', who: 'dispatcher admin' },
  { action: 'publish', topic: 'demo/users/me/errors', who: '' },
  { action: 'publish', topic: '$auth/token', who: 'device driver user dispatcher admin service' },
  { action: 'publish', topic: '$SYS/x', who: '' },
  { action: 'publish', topic: 'rival/devices/own/location', who: '' },
  { action: 'subscribe', topic: 'demo/devices/own/location', who: 'device driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/devices/other/location', who: 'dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/devices/own/last', who: 'device driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/fences/home', who: 'device driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/notifications/sos/triggered/own', who: 'driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/notifications/sos/triggered/other', who: 'dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/sos/own/trail', who: 'driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/sos/other/trail', who: 'dispatcher admin service' },
  { action: 'publish', topic: 'demo/sos/own/trail', who: '' },
  { action: 'subscribe', topic: 'demo/devices/own/commands/c', who: 'device driver dispatcher admin service' },
  { action: 'publish', topic: 'demo/devices/own/commands/c', who: 'dispatcher admin' },
  { action: 'publish', topic: 'demo/devices/own/commands/c/result', who: 'device' },
  { action: 'subscribe', topic: 'demo/devices/own/commands/c/result', who: 'device driver dispatcher admin service' },
  { action: 'publish', topic: 'demo/devices/other/commands/c/result', who: '' },
  { action: 'subscribe', topic: 'demo/devices/other/commands/c/result', who: 'dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/incidents/in-1', who: 'dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/sos/other', who: 'dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/users/me/errors', who: 'driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/users/own/errors', who: 'device' },
  { action: 'subscribe', topic: '$auth/token', who: '' },
  { action: 'subscribe', topic: 'rival/devices/own/location', who: '' },
  { action: 'publish', topic: 'demo/devices/other/location/batch', who: 'service' },
  { action: 'publish', topic: 'demo/devices/other/status', who: 'service' },
  { action: 'publish', topic: 'demo/devices/other/sos', who: 'service' },
  { action: 'subscribe', topic: 'demo/devices/own/location/batch', who: 'device driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/devices/own/status', who: 'device driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/devices/own/sos', who: 'device driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/devices/other/location/batch', who: 'dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/devices/other/status', who: 'dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/devices/other/sos', who: 'dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/devices/other/last', who: 'dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/devices/other/commands/c', who: 'dispatcher admin service' },
  { action: 'publish', topic: 'demo/devices/other/commands/c', who: 'dispatcher admin' },
  { action: 'subscribe', topic: 'demo/notifications/geofence/enter/own', who: 'driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/notifications/geofence/exit/own', who: 'driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/notifications/geofence/dwell/own', who: 'driver user dispatcher admin service' },
  {
    action: 'subscribe',
    topic: 'demo/notifications/geofence/correction/own',
    who: 'driver user dispatcher admin service',
  },
  { action: 'subscribe', topic: 'demo/notifications/geofence/enter/other', who: 'dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/notifications/device/online/own', who: 'driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/notifications/device/offline/own', who: 'driver user dispatcher admin service' },
  {
    action: 'subscribe',
    topic: 'demo/notifications/device/low-battery/own',
    who: 'driver user dispatcher admin service',
  },
  {
    action: 'subscribe',
    topic: 'demo/notifications/device/overspeed/own',
    who: 'driver user dispatcher admin service',
  },
  { action: 'subscribe', topic: 'demo/notifications/device/idle/own', who: 'driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/notifications/device/moving/own', who: 'driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/notifications/device/tow/own', who: 'driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/notifications/device/online/other', who: 'dispatcher admin service' },
  { action: 'publish', topic: 'demo/notifications/device/online/own', who: '' },
  {
    action: 'subscribe',
    topic: 'demo/notifications/sos/acknowledged/own',
    who: 'driver user dispatcher admin service',
  },
  { action: 'subscribe', topic: 'demo/notifications/sos/escalated/own', who: 'driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/notifications/sos/resolved/own', who: 'driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/notifications/sos/cancelled/own', who: 'driver user dispatcher admin service' },
  { action: 'publish', topic: 'demo/notifications/sos/triggered/own', who: '' },
  { action: 'subscribe', topic: 'demo/sos/own', who: 'driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/sos/alert/acknowledge', who: 'dispatcher admin' },
  { action: 'subscribe', topic: 'demo/sos/alert/resolve', who: 'dispatcher admin' },
  { action: 'publish', topic: 'demo/sos/alert/resolve', who: 'dispatcher admin' },
  { action: 'subscribe', topic: 'demo/users/other/errors', who: '' },
  { action: 'publish', topic: 'demo/users/other/errors', who: '' },
  { action: 'publish', topic: 'demo2/devices/own/location', who: '' },
  { action: 'subscribe', topic: 'demo2/devices/own/location', who: '' },
  { action: 'publish', topic: 'dem/devices/own/location', who: '' },
  { action: 'subscribe', topic: 'dem/devices/own/location', who: '' },
  { action: 'publish', topic: 'Demo/devices/own/location', who: '' },
  { action: 'subscribe', topic: 'Demo/devices/own/location', who: '' },
  { action: 'publish', topic: 'DEMO/devices/own/location', who: '' },
  { action: 'subscribe', topic: 'DEMO/devices/own/location', who: '' },
  { action: 'publish', topic: ' demo/devices/own/location', who: '' },
  { action: 'subscribe', topic: ' demo/devices/own/location', who: '' },
  { action: 'publish', topic: '/demo/devices/own/location', who: '' },
  { action: 'subscribe', topic: '/demo/devices/own/location', who: '' },
  { action: 'publish', topic: 'demo//devices/own/location', who: '' },
  { action: 'subscribe', topic: 'demo//devices/own/location', who: '' },
  { action: 'publish', topic: 'demo/devices/own/location/', who: '' },
  { action: 'subscribe', topic: 'demo/devices/own/location/', who: '' },
  { action: 'publish', topic: 'demo/devices//location', who: '' },
  { action: 'subscribe', topic: 'demo/devices//location', who: '' },
  { action: 'publish', topic: 'demo/devices/own//location', who: '' },
  { action: 'subscribe', topic: 'demo/devices/own//location', who: '' },
  { action: 'publish', topic: 'demo/Devices/own/location', who: '' },
  { action: 'subscribe', topic: 'demo/Devices/own/location', who: '' },
  { action: 'publish', topic: 'demo/devices/own/Location', who: '' },
  { action: 'subscribe', topic: 'demo/devices/own/Location', who: '' },
  { action: 'publish', topic: '$demo/devices/own/location', who: '' },
  { action: 'subscribe', topic: '$demo/devices/own/location', who: '' },
  { action: 'publish', topic: '$SYS/demo/devices/own/location', who: '' },
  { action: 'subscribe', topic: '$SYS/demo/devices/own/location', who: '' },
  { action: 'publish', topic: '$share/g/demo/devices/own/location', who: '' },
  { action: 'subscribe', topic: '$share/g/demo/devices/own/location', who: '' },
  { action: 'publish', topic: 'demo/devices/own/loc%61tion', who: '' },
  { action: 'subscribe', topic: 'demo/devices/own/loc%61tion', who: '' },
  { action: 'publish', topic: 'demo/devices/ow\u0000n/location', who: '' },
  { action: 'subscribe', topic: 'demo/devices/ow\u0000n/location', who: '' },
  { action: 'publish', topic: 'demo/devices/own\u00e9/location', who: '' },
  { action: 'subscribe', topic: 'demo/devices/own\u00e9/location', who: '' },
  { action: 'publish', topic: 'demo/devices/+/location', who: '' },
  { action: 'subscribe', topic: 'demo/devices/+/location', who: '' },
  { action: 'publish', topic: 'demo/#', who: '' },
  { action: 'subscribe', topic: 'demo/#', who: '' },
  { action: 'publish', topic: '#', who: '' },
  { action: 'subscribe', topic: '#', who: '' },
  { action: 'publish', topic: 'demo', who: '' },
  { action: 'subscribe', topic: 'demo', who: '' },
  { action: 'publish', topic: '', who: '' },
  { action: 'subscribe', topic: '', who: '' },
  { action: 'publish', topic: '/', who: '' },
  { action: 'subscribe', topic: '/', who: '' },
  { action: 'publish', topic: '$auth/token/', who: '' },
  { action: 'subscribe', topic: '$auth/token/', who: '' },
  { action: 'publish', topic: '$auth', who: '' },
  { action: 'subscribe', topic: '$auth', who: '' },
  { action: 'publish', topic: 'demo/$auth/token', who: '' },
  { action: 'subscribe', topic: 'demo/$auth/token', who: '' },
  { action: 'publish', topic: 'demo/users/errors', who: '' },
  { action: 'subscribe', topic: 'demo/users/errors', who: '' },
  { action: 'publish', topic: 'demo/notifications/sos/opened/own', who: '' },
  { action: 'subscribe', topic: 'demo/notifications/sos/opened/own', who: '' },
  { action: 'publish', topic: 'demo/sos/alert/close', who: '' },
  { action: 'subscribe', topic: 'demo/sos/alert/close', who: '' },
]

for (const { action, topic, who } of TOPICS) {
  for (const [role, subject] of Object.entries(SUBJECTS)) {
    const may = who.split(' ').includes(role)
    test(`${role} ${may ? 'may' : 'may not'} ${action} ${JSON.stringify(topic)}`, () => {
      const { allowed, reason } = decideTopic(subject, action, topic)
      assert.equal(allowed, may, reason)
      assert.ok(reason.length > 0)
    })
  }
}

/** Who may hold the filter; what is delivered under it is decided topic by topic. */
const FILTERS: readonly { filter: string; who: string }[] = [
  { filter: 'demo/devices/own/#', who: 'device driver user dispatcher admin service' },
  { filter: 'demo/devices/own/+', who: 'device driver user dispatcher admin service' },
  { filter: 'demo/devices/own/location/#', who: 'device driver user dispatcher admin service' },
  { filter: 'demo/devices/own/commands/+', who: 'device driver dispatcher admin service' },
  { filter: 'demo/devices/other/#', who: 'dispatcher admin service' },
  { filter: 'demo/devices/other/+', who: 'dispatcher admin service' },
  { filter: 'demo/devices/+/location', who: 'driver user dispatcher admin service' },
  { filter: 'demo/devices/+/last', who: 'driver user dispatcher admin service' },
  { filter: 'demo/devices/+/status', who: 'driver user dispatcher admin service' },
  { filter: 'demo/devices/+/commands/+', who: 'driver dispatcher admin service' },
  { filter: 'demo/devices/+/+', who: 'driver user dispatcher admin service' },
  { filter: 'demo/devices/+/#', who: 'driver user dispatcher admin service' },
  { filter: 'demo/devices/#', who: 'driver user dispatcher admin service' },
  { filter: 'demo/fences/#', who: 'device driver user dispatcher admin service' },
  { filter: 'demo/fences/+', who: 'device driver user dispatcher admin service' },
  { filter: 'demo/notifications/#', who: 'driver user dispatcher admin service' },
  { filter: 'demo/notifications/+/+/own', who: 'driver user dispatcher admin service' },
  { filter: 'demo/notifications/+/+/other', who: 'dispatcher admin service' },
  { filter: 'demo/notifications/sos/+/+', who: 'driver user dispatcher admin service' },
  { filter: 'demo/notifications/geofence/enter/+', who: 'driver user dispatcher admin service' },
  { filter: 'demo/sos/#', who: 'driver user dispatcher admin service' },
  { filter: 'demo/sos/+', who: 'driver user dispatcher admin service' },
  { filter: 'demo/sos/+/trail', who: 'driver user dispatcher admin service' },
  { filter: 'demo/sos/+/acknowledge', who: 'dispatcher admin' },
  { filter: 'demo/incidents/#', who: 'dispatcher admin service' },
  { filter: 'demo/incidents/+', who: 'dispatcher admin service' },
  { filter: 'demo/users/me/#', who: 'driver user dispatcher admin service' },
  { filter: 'demo/users/own/#', who: 'device' },
  { filter: 'demo/users/other/#', who: '' },
  { filter: 'demo/users/+/errors', who: '' },
  { filter: 'demo/users/#', who: '' },
  { filter: 'demo/#', who: 'admin' },
  { filter: 'demo/+/own/location', who: 'admin' },
  ...[
    '#',
    '+',
    '+/#',
    '+/devices/+/location',
    '/#',
    'rival/#',
    'demo2/#',
    'dem/#',
    'Demo/#',
    '/demo/#',
    '$SYS/#',
    '$auth/#',
    '$auth/token',
    '$share/g/demo/#',
    '$share/g/demo/devices/own/location',
    'demo',
    'demo/',
    'demo/+',
    'demo//#',
    'demo/devices',
    'demo/devices/+',
    'demo/devices//location',
    'demo/devices/own/location/',
    'demo/anything/#',
    'demo/devices/own/locatio#',
    'demo/#/location',
    '',
  ].map(filter => ({ filter, who: '' })),
]

for (const { filter, who } of FILTERS) {
  for (const [role, subject] of Object.entries(SUBJECTS)) {
    const may = who.split(' ').includes(role)
    test(`${role} ${may ? 'may' : 'may not'} hold ${JSON.stringify(filter)}`, () => {
      const { allowed, reason } = decideFilter(subject, filter)
      assert.equal(allowed, may, reason)
      assert.ok(reason.length > 0)
    })
  }
}

test('an admin reads every channel of its organisation, other people’s errors and the renewal of tokens apart', () => {
  const narrower = CHANNEL_NAMES.filter(name => (CHANNELS[name] as Channel).subscribe.admin !== 'any')
  assert.deepEqual(narrower, ['errors', 'authToken'])
})

test('every role reads its own errors and renews its token', () => {
  for (const role of ROLES) {
    assert.equal(CHANNELS.errors.subscribe[role], 'own')
    assert.equal(CHANNELS.authToken.publish[role], 'any')
  }
})

test('a device is seen by who it is granted to, by itself and by those who see all', () => {
  const seen = Object.entries(SUBJECTS).filter(([, subject]) => maySeeDevice(subject, 'other'))
  assert.deepEqual(
    seen.map(([role]) => role),
    ['dispatcher', 'admin', 'service'],
  )
  assert.deepEqual(visibleDevices(SUBJECTS.user!), new Set(['own']))
  assert.deepEqual(visibleDevices(SUBJECTS.device!), new Set(['own']))
  assert.equal(visibleDevices(SUBJECTS.admin!), 'all')
})
