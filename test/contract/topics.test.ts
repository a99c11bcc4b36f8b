import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  buildFilter,
  buildTopic,
  CHANNEL_NAMES,
  CHANNELS,
  type ChannelName,
  channelsUnder,
  coversFilter,
  isFilter,
  matchesFilter,
  parseTopic,
  type TopicParams,
} from '../../contract/index.ts'

const ROWS: readonly { channel: ChannelName; params: TopicParams; topic: string; filter: string }[] = [
  {
    channel: 'location',
    params: { org: 'demo', deviceId: 'truck-7' },
    topic: 'demo/devices/truck-7/location',
    filter: '+/devices/+/location',
  },
  {
    channel: 'locationBatch',
    params: { org: 'a', deviceId: 'A.b_c:1' },
    topic: 'a/devices/A.b_c:1/location/batch',
    filter: '+/devices/+/location/batch',
  },
  { channel: 'last', params: { org: 'demo', deviceId: 'x' }, topic: 'demo/devices/x/last', filter: '+/devices/+/last' },
  {
    channel: 'status',
    params: { org: 'demo', deviceId: 'x' },
    topic: 'demo/devices/x/status',
    filter: '+/devices/+/status',
  },
  { channel: 'sos', params: { org: 'demo', deviceId: 'x' }, topic: 'demo/devices/x/sos', filter: '+/devices/+/sos' },
  { channel: 'fence', params: { org: 'demo', fenceId: 'home' }, topic: 'demo/fences/home', filter: '+/fences/+' },
  {
    channel: 'geofenceNotification',
    params: { org: 'demo', event: 'enter', deviceId: 'x' },
    topic: 'demo/notifications/geofence/enter/x',
    filter: '+/notifications/geofence/+/+',
  },
  {
    channel: 'deviceNotification',
    params: { org: 'demo', event: 'low-battery', deviceId: 'x' },
    topic: 'demo/notifications/device/low-battery/x',
    filter: '+/notifications/device/+/+',
  },
  {
    channel: 'sosNotification',
    params: { org: 'demo', event: 'triggered', deviceId: 'x' },
    topic: 'demo/notifications/sos/triggered/x',
    filter: '+/notifications/sos/+/+',
  },
  { channel: 'sosOpen', params: { org: 'demo', deviceId: 'x' }, topic: 'demo/sos/x', filter: '+/sos/+' },
  {
    channel: 'sosTrail',
    params: { org: 'demo', deviceId: 'x' },
    topic: 'demo/sos/x/trail',
    filter: '+/sos/+/trail',
  },
  {
    channel: 'command',
    params: { org: 'demo', deviceId: 'x', commandId: 'c1' },
    topic: 'demo/devices/x/commands/c1',
    filter: '+/devices/+/commands/+',
  },
  {
    channel: 'commandResult',
    params: { org: 'demo', deviceId: 'x', commandId: 'c1' },
    topic: 'demo/devices/x/commands/c1/result',
    filter: '+/devices/+/commands/+/result',
  },
  {
    channel: 'sosAnswer',
    params: { org: 'demo', alertId: 'n1', action: 'resolve' },
    topic: 'demo/sos/n1/resolve',
    filter: '+/sos/+/+',
  },
  {
    channel: 'incident',
    params: { org: 'demo', incidentId: 'in-1' },
    topic: 'demo/incidents/in-1',
    filter: '+/incidents/+',
  },
  {
    channel: 'homeAssistantConfig',
    params: { org: 'demo', component: 'device_tracker', objectId: 'x' },
    topic: 'demo/homeassistant/device_tracker/x/config',
    filter: '+/homeassistant/+/+/config',
  },
  {
    channel: 'homeAssistantSensorConfig',
    params: { org: 'demo', component: 'sensor', nodeId: 'x', objectId: 'battery' },
    topic: 'demo/homeassistant/sensor/x/battery/config',
    filter: '+/homeassistant/+/+/+/config',
  },
  {
    channel: 'homeAssistantAttributes',
    params: { org: 'demo', nodeId: 'x' },
    topic: 'demo/homeassistant/x/attributes',
    filter: '+/homeassistant/+/attributes',
  },
  {
    channel: 'homeAssistantAvailability',
    params: { org: 'demo', nodeId: 'x' },
    topic: 'demo/homeassistant/x/availability',
    filter: '+/homeassistant/+/availability',
  },
  {
    channel: 'homeAssistantStatus',
    params: { org: 'demo' },
    topic: 'demo/homeassistant/status',
    filter: '+/homeassistant/status',
  },
  { channel: 'errors', params: { org: 'demo', userId: 'u' }, topic: 'demo/users/u/errors', filter: '+/users/+/errors' },
  { channel: 'authToken', params: {}, topic: '$auth/token', filter: '$auth/token' },
]

for (const { channel, params, topic, filter } of ROWS) {
  test(`${channel}: ${topic} is built, parsed and found by its filter`, () => {
    assert.equal(buildTopic(channel, params), topic)
    assert.deepEqual(parseTopic(topic), { channel, params })
    assert.equal(buildFilter(channel), filter)
    assert.equal(buildFilter(channel, params), topic)
    assert.ok(isFilter(filter))
    assert.ok(matchesFilter(filter, topic))
    assert.ok(channelsUnder(filter).some(found => found.channel === channel))
  })
}

test('every channel has a row above', () => {
  assert.deepEqual([...new Set(ROWS.map(({ channel }) => channel))].sort(), [...CHANNEL_NAMES].sort())
})

const NO_TOPICS = [
  '',
  '/',
  'demo',
  'demo/devices',
  'demo/devices/truck-7',
  'demo/devices//location',
  'demo/devices/truck-7/location/',
  '/demo/devices/truck-7/location',
  'Demo/devices/truck-7/location',
  'demo/devices/truck 7/location',
  'demo/devices/trück/location',
  `demo/devices/${'x'.repeat(65)}/location`,
  `${'x'.repeat(64)}/devices/truck-7/location`,
  'demo/devices/truck-7/location/batch/x',
  'demo/devices/+/location',
  'demo/notifications/geofence/leave/x',
  'demo/sos/a/reopen',
  '$auth',
  '$auth/token/x',
  '$SYS/x',
  'constructor',
  '__proto__/devices/x/location',
]
for (const topic of NO_TOPICS) {
  test(`${JSON.stringify(topic)} belongs to no channel`, () => assert.equal(parseTopic(topic), null))
}

for (const [name, build] of [
  ['a missing parameter', () => buildTopic('location', { org: 'demo' })],
  ['an id with a slash', () => buildTopic('location', { org: 'demo', deviceId: 'a/b' })],
  ['an id with a wildcard', () => buildTopic('location', { org: 'demo', deviceId: '+' })],
  ['an event that is none', () => buildTopic('geofenceNotification', { org: 'demo', event: 'fly', deviceId: 'x' })],
] as const) {
  test(`building a topic with ${name} is a TypeError`, () => assert.throws(build, TypeError))
}

const id = fc.stringMatching(/^[A-Za-z0-9._:-]{1,10}$/)
const anyTopic = fc.oneof(
  fc
    .record({ channel: fc.constantFrom(...CHANNEL_NAMES), org: fc.stringMatching(/^[a-z0-9-]{1,8}$/), one: id })
    .map(({ channel, org, one }) => {
      const choice = (name: string) => new RegExp(`\\{${name}:([^|}]+)`).exec(CHANNELS[channel].template)?.[1] ?? ''
      const [event, action] = [choice('event'), choice('action')]
      return buildTopic(channel, {
        org,
        deviceId: one,
        fenceId: one,
        alertId: one,
        commandId: one,
        incidentId: one,
        component: one,
        nodeId: one,
        objectId: one,
        userId: one,
        event,
        action,
      })
    }),
)

test('a topic belongs to exactly one channel, and comes back from its parts', () => {
  fc.assert(
    fc.property(anyTopic, topic => {
      const matching = CHANNEL_NAMES.filter(
        name => matchesFilter(buildFilter(name), topic) && parseTopic(topic)?.channel === name,
      )
      const parsed = parseTopic(topic)!
      assert.deepEqual(matching, [parsed.channel])
      assert.equal(buildTopic(parsed.channel, parsed.params), topic)
    }),
  )
})

const level = fc.constantFrom('a', 'b', '', '$x')
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map(levels => levels.join('/'))
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, hash]) => [...levels, ...(hash || levels.length === 0 ? ['#'] : [])].join('/'))

/** The standard's words as a regular expression. [MQTT-4.7.1-2], [MQTT-4.7.1-3], [MQTT-4.7.2-1] */
function oracle(own: string, name: string): boolean {
  if (name.startsWith('$') && /^[+#]/.test(own)) return false
  if (own === '#') return true
  const pattern = own
    .replace(/\/#$/, '\u0001')
    .replaceAll(/[$^.*?()[\]{}|\\]/g, '\\$&')
    .replaceAll('+', '[^/]*')
    .replace('\u0001', '(/.*)?')
  return new RegExp(`^${pattern}$`).test(name)
}

test('matchesFilter says what the standard says', () => {
  fc.assert(
    fc.property(filter, topic, (own, name) => assert.equal(matchesFilter(own, name), oracle(own, name))),
    { numRuns: 2_000 },
  )
})

const ALL_TOPICS = [1, 2, 3, 4].flatMap(length => combinations(['a', 'b', ''], length))
function combinations(levels: readonly string[], length: number): string[] {
  return length === 1
    ? [...levels]
    : combinations(levels, length - 1).flatMap(head => levels.map(last => `${head}/${last}`))
}
const plainFilter = filter.filter(own => !own.includes('$'))

test('coversFilter: a pattern that covers a filter matches every topic that the filter matches', () => {
  fc.assert(
    fc.property(plainFilter, plainFilter, (pattern, own) => {
      if (!coversFilter(pattern, own)) return
      for (const name of ALL_TOPICS) if (matchesFilter(own, name)) assert.ok(matchesFilter(pattern, name), `${name}`)
    }),
    { numRuns: 1_000 },
  )
})

test('coversFilter: a pattern covers itself, and # covers everything', () => {
  fc.assert(
    fc.property(filter, own => {
      assert.ok(coversFilter('#', own))
      assert.ok(coversFilter(own, own))
    }),
  )
})
