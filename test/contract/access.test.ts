import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Acl,
  type Action,
  buildTopic,
  CHANNEL_NAMES,
  CHANNELS,
  decideFilter,
  decideTopic,
  maySeeDevice,
  type Principal,
  principalOf,
  ROLES,
  type Role,
  visibleDevices,
} from '../../contract/index.ts'

function principal(role: Role, more: { sub?: string; org?: string; devices?: string[]; acl?: Acl } = {}): Principal {
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
  { action: 'publish', topic: 'demo/devices/own/commands/c', who: '' },
  { action: 'subscribe', topic: 'demo/incidents/in-1', who: 'dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/sos/other', who: 'dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/users/me/errors', who: 'driver user dispatcher admin service' },
  { action: 'subscribe', topic: 'demo/users/own/errors', who: 'device' },
  { action: 'subscribe', topic: '$auth/token', who: '' },
  { action: 'subscribe', topic: 'rival/devices/own/location', who: '' },
]

for (const { action, topic, who } of TOPICS) {
  for (const [role, subject] of Object.entries(SUBJECTS)) {
    const may = who.split(' ').includes(role)
    test(`${role} ${may ? 'may' : 'may not'} ${action} ${topic}`, () => {
      const { allowed, reason } = decideTopic(subject, action, topic)
      assert.equal(allowed, may, reason)
      assert.ok(reason.length > 0)
    })
  }
}

const allow = (action: Action | 'all', topic: string) => ({ permission: 'allow', action, topic }) as const
const deny = (action: Action | 'all', topic: string) => ({ permission: 'deny', action, topic }) as const

const CLAIMS: readonly { name: string; acl: Acl; action: Action; topic: string; may: boolean }[] = [
  {
    name: 'a pub list',
    acl: { pub: ['demo/devices/x/location'] },
    action: 'publish',
    topic: 'demo/devices/x/location',
    may: true,
  },
  {
    name: 'a pub list',
    acl: { pub: ['demo/devices/x/location'] },
    action: 'subscribe',
    topic: 'demo/devices/x/location',
    may: false,
  },
  {
    name: 'an all list',
    acl: { all: ['demo/devices/x/#'] },
    action: 'subscribe',
    topic: 'demo/devices/x/last',
    may: true,
  },
  {
    name: 'an allow rule',
    acl: [allow('publish', 'demo/devices/+/sos')],
    action: 'publish',
    topic: 'demo/devices/x/sos',
    may: true,
  },
  {
    name: 'a deny rule',
    acl: [deny('all', 'demo/fences/#')],
    action: 'subscribe',
    topic: 'demo/fences/home',
    may: false,
  },
  {
    name: 'deny before allow',
    acl: [deny('publish', 'demo/devices/x/#'), allow('publish', 'demo/devices/+/sos')],
    action: 'publish',
    topic: 'demo/devices/x/sos',
    may: false,
  },
  {
    name: 'allow before deny',
    acl: [allow('publish', 'demo/devices/x/sos'), deny('publish', 'demo/devices/#')],
    action: 'publish',
    topic: 'demo/devices/x/sos',
    may: true,
  },
  {
    name: 'a rule for another organisation',
    acl: { all: ['#', 'rival/#'] },
    action: 'publish',
    topic: 'rival/devices/x/sos',
    may: false,
  },
  { name: 'a rule that is no channel', acl: { all: ['#'] }, action: 'publish', topic: 'demo/anything', may: false },
  { name: '# and the $ topics', acl: [deny('all', '#')], action: 'publish', topic: '$auth/token', may: true },
]
for (const { name, acl, action, topic, may } of CLAIMS) {
  test(`acl claim, ${name}: a user ${may ? 'may' : 'may not'} ${action} ${topic}`, () => {
    assert.equal(decideTopic(principal('user', { acl }), action, topic).allowed, may)
  })
}

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

const id = fc.constantFrom('own', 'me', 'other', 'x')
const org = fc.constantFrom('demo', 'rival')
const topic = fc
  .record({ channel: fc.constantFrom(...CHANNEL_NAMES), org, id })
  .map(({ channel, org: own, id: one }) => {
    const event = /\{event:([^|}]+)/.exec(CHANNELS[channel].template)?.[1] ?? ''
    return buildTopic(channel, {
      org: own,
      deviceId: one,
      fenceId: one,
      alertId: one,
      commandId: one,
      incidentId: one,
      userId: one,
      event,
      action: 'resolve',
    })
  })
const level = fc.constantFrom(
  'demo',
  'rival',
  'devices',
  'own',
  'x',
  'location',
  'users',
  'fences',
  '+',
  '$SYS',
  '$auth',
)
const filter = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .chain(levels => fc.constantFrom(levels.join('/'), [...levels, '#'].join('/')))
const rule = fc.record({
  permission: fc.constantFrom('allow' as const, 'deny' as const),
  action: fc.constantFrom('publish' as const, 'subscribe' as const, 'all' as const),
  topic: fc.oneof(filter, fc.constant('#')),
})
const anyone = fc
  .record({ role: fc.constantFrom(...ROLES), devices: fc.array(id), acl: fc.array(rule, { maxLength: 4 }) })
  .map(({ role, ...more }) => principal(role, more))
const action = fc.constantFrom('publish' as const, 'subscribe' as const)

test('no claim ever reaches outside its organisation', () => {
  fc.assert(
    fc.property(anyone, action, topic, filter, (subject, what, name, own) => {
      if (name.startsWith('rival/')) assert.equal(decideTopic(subject, what, name).allowed, false)
      if (!own.startsWith('demo/') && own !== 'demo') assert.equal(decideFilter(subject, own).allowed, false)
    }),
    { numRuns: 2_000 },
  )
})

test('a deny rule in front never widens what is allowed', () => {
  fc.assert(
    fc.property(anyone, rule, action, topic, (subject, more, what, name) => {
      const narrowed = { ...subject, acl: [{ ...more, permission: 'deny' as const }, ...subject.acl] }
      if (decideTopic(narrowed, what, name).allowed) assert.ok(decideTopic(subject, what, name).allowed)
    }),
    { numRuns: 2_000 },
  )
})

test('fewer granted devices never widen what is allowed', () => {
  fc.assert(
    fc.property(anyone, action, topic, (subject, what, name) => {
      const narrowed = { ...subject, devices: new Set<string>() }
      if (decideTopic(narrowed, what, name).allowed) assert.ok(decideTopic(subject, what, name).allowed)
    }),
  )
})
