/*
 * What a decision costs: who may publish to, read, or subscribe what. One core, no I/O.
 *   node dist/bench/access.js
 * The ratio is what to read: it holds from one machine to another, the times do not.
 */
import {
  type AclRule,
  buildTopic,
  CHANNEL_NAMES,
  CHANNELS,
  type Channel,
  decideFilter,
  decideTopic,
  isId,
  isOrg,
  parseTopic,
  principalOf,
} from '../contract/index.ts'

const DEVICES = 1_000
const ids = Array.from({ length: DEVICES }, (_, i) => `truck-${i}`)
const topics = ids.flatMap(deviceId => [
  buildTopic('location', { org: 'demo', deviceId }),
  buildTopic('status', { org: 'demo', deviceId }),
  buildTopic('sosTrail', { org: 'demo', deviceId }),
  buildTopic('deviceNotification', { org: 'demo', deviceId, event: 'moving' }),
])
const claims = { org: 'demo', sub: 'ann', exp: 4_102_444_800 }
const user = principalOf({ ...claims, role: 'user', devices: ids.filter((_, i) => i % 2 === 0) })
const dispatcher = principalOf({ ...claims, role: 'dispatcher' })
const acl: AclRule[] = ids
  .slice(0, 10)
  .map(id => ({ permission: 'deny', action: 'all', topic: `demo/devices/${id}/#` }))
const withClaims = { ...user, acl }

console.log(`${CHANNEL_NAMES.length} channels, ${topics.length} topics, Node ${process.version}`)
const linear = report('parse a topic, every template tried', topics.length, () => topics.filter(tryAll).length)
const indexed = report('parse a topic (parseTopic)', topics.length, () => topics.filter(parseTopic).length)
console.log(`every template : parseTopic = ${(linear / indexed).toFixed(1)} : 1`)

const mayRead = (principal: typeof user) => () =>
  topics.filter(topic => decideTopic(principal, 'subscribe', topic).allowed).length
report('decideTopic, dispatcher', topics.length, mayRead(dispatcher))
report('decideTopic, user with 500 devices', topics.length, mayRead(user))
report('decideTopic, user with 10 acl rules', topics.length, mayRead(withClaims))
const filters = ['demo/devices/+/location', 'demo/notifications/#', 'demo/devices/truck-0/#', 'rival/#']
const some = Array.from({ length: 4_000 }, (_, i) => filters[i % filters.length]!)
report('decideFilter, user with 500 devices', some.length, () => some.filter(f => decideFilter(user, f).allowed).length)
report(
  'decideFilter, user with 10 acl rules',
  some.length,
  () => some.filter(f => decideFilter(withClaims, f).allowed).length,
)

/** The plain way to find the channel of a topic, to compare with. */
function tryAll(topic: string): boolean {
  const texts = topic.split('/')
  return CHANNEL_NAMES.some(name => {
    const levels = (CHANNELS[name] as Channel).template.split('/')
    return levels.length === texts.length && levels.every((level, i) => fits(level, texts[i]!))
  })
}

function fits(level: string, text: string): boolean {
  if (!level.startsWith('{')) return level === text
  const [name, choices] = level.slice(1, -1).split(':')
  return choices === undefined ? (name === 'org' ? isOrg(text) : isId(text)) : choices.split('|').includes(text)
}

/** Runs it for a while, then 50 times, and reports nanoseconds of CPU for one. */
function report(name: string, operations: number, work: () => number): number {
  for (let i = 0; i < 20; i++) work()
  const start = process.cpuUsage()
  let result = 0
  for (let i = 0; i < 50; i++) result = work()
  const { user, system } = process.cpuUsage(start)
  const nanoseconds = ((user + system) * 1_000) / (50 * operations)
  console.log(`${name.padEnd(40)} ${nanoseconds.toFixed(0).padStart(6)} ns   ${result}`)
  return nanoseconds
}
