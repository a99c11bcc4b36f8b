import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CHANNEL_NAMES,
  CHANNELS,
  type Channel,
  type Claims,
  decideFilter,
  decideTopic,
  isSameShare,
  type Principal,
  principalOf,
  ROLES,
  type ShareScope,
} from '../../contract/index.ts'

const FROM = 1_700_000_000_000
const scope = { link: 'l1', devices: ['truck-7', 'van-1'], from: FROM, until: FROM + 3_600_000 }
const bearer = (more: Partial<Claims> = {}): Principal =>
  principalOf({ org: 'demo', sub: 'share:l1:v1', role: 'user', exp: FROM / 1_000 + 600, scope, ...more })

/** Every topic of the table, filled in for a device of the link, another one, and the viewer's own id. */
function topicsOf(template: string): string[] {
  const choices = template.replaceAll(/\{[a-zA-Z]+:([^|}]+)[^}]*\}/g, '$1').replace('{org}', 'demo')
  return ['truck-7', 'truck-8', 'share:l1:v1'].map(id => choices.replaceAll(/\{[a-zA-Z]+\}/g, id))
}
const READABLE = new Set([
  'demo/devices/truck-7/location',
  'demo/devices/truck-7/last',
  'demo/devices/truck-7/status',
  'demo/users/share:l1:v1/errors',
])

for (const name of CHANNEL_NAMES) {
  test(`of the channel ${name} a share link leaves exactly what it shows, whatever role and acl its token claims`, () => {
    const acl = { all: ['demo/#', '$auth/token'] }
    for (const role of ROLES) {
      for (const principal of [bearer({ role }), bearer({ role, acl }), bearer({ role, devices: ['truck-8'] })]) {
        for (const topic of topicsOf((CHANNELS[name] as Channel).template)) {
          const reads = decideTopic(principal, 'subscribe', topic)
          assert.equal(reads.allowed, READABLE.has(topic), `${role} subscribe ${topic}: ${reads.reason}`)
          const writes = decideTopic(principal, 'publish', topic)
          assert.equal(writes.allowed, topic === '$auth/token', `${role} publish ${topic}: ${writes.reason}`)
        }
      }
    }
  })
}

const filters: [filter: string, granted: boolean][] = [
  ['demo/devices/truck-7/location', true],
  ['demo/devices/van-1/last', true],
  ['demo/devices/+/location', true],
  ['demo/devices/+/last', true],
  ['demo/devices/+/status', true],
  ['demo/users/share:l1:v1/errors', true],
  ['demo/devices/truck-8/location', false],
  ['demo/devices/truck-7/#', false],
  ['demo/devices/truck-7/+', false],
  ['demo/devices/truck-7/location/#', false],
  ['demo/devices/truck-7/sos', false],
  ['demo/devices/truck-7/commands/+', false],
  ['demo/devices/#', false],
  ['demo/#', false],
  ['demo/+/+/+', false],
  ['#', false],
  ['+/devices/+/location', false],
  ['rival/devices/truck-7/location', false],
  ['demo/users/+/errors', false],
  ['demo/users/ann/errors', false],
  ['demo/users/share:l1:v2/errors', false],
  ['demo/users/share:l1:v1/#', true],
  ['demo/fences/+', false],
  ['demo/notifications/#', false],
  ['demo/sos/truck-7', false],
  ['demo/incidents/+', false],
  ['$SYS/#', false],
  ['$auth/token', false],
]
for (const [filter, granted] of filters) {
  test(`a share link ${granted ? 'may' : 'may not'} hold ${filter}`, () => {
    for (const role of ROLES) {
      for (const acl of [undefined, { all: ['demo/#'] }]) {
        const { allowed, reason } = decideFilter(bearer({ role, ...(acl && { acl }) }), filter)
        assert.equal(allowed, granted, `${role}: ${reason}`)
      }
    }
  })
}

test('an acl that denies narrows a share link further', () => {
  const acl = [{ permission: 'deny' as const, action: 'subscribe' as const, topic: 'demo/devices/truck-7/#' }]
  assert.equal(decideTopic(bearer({ acl }), 'subscribe', 'demo/devices/truck-7/last').allowed, false)
  assert.equal(decideTopic(bearer({ acl }), 'subscribe', 'demo/devices/van-1/last').allowed, true)
})

test('a share link is a user of its devices and ends with its window', () => {
  const principal = bearer({ role: 'admin', exp: FROM / 1_000 + 999_999 })
  assert.equal(principal.role, 'user')
  assert.deepEqual([...principal.devices], scope.devices)
  assert.equal(principal.expiresAtMs, scope.until)
})

test('a scope that is a text, as identity providers write it, means nothing', () => {
  assert.equal(bearer({ scope: 'openid profile' }).share, undefined)
})

test('a token is renewed by one of the same opening of the same link, or of the very same scope', () => {
  const { link: _, ...handMade } = scope
  const opened = { ...scope, view: 'v1' }
  assert.ok(isSameShare(undefined, undefined))
  assert.ok(isSameShare(opened, { ...opened, until: scope.until + 5 }))
  assert.ok(isSameShare(handMade, { ...handMade }))
  const others: [ShareScope | undefined, ShareScope | undefined][] = [
    [opened, undefined],
    [opened, { ...opened, link: 'l2' }],
    [opened, { ...opened, view: 'v2' }],
    [handMade, undefined],
    [undefined, handMade],
    [handMade, { ...handMade, until: scope.until + 5 }],
    [handMade, { ...handMade, devices: ['truck-7', 'van-1', 'truck-8'] }],
    [handMade, { ...handMade, history: true }],
  ]
  for (const [held, renewed] of others) assert.ok(!isSameShare(held, renewed), JSON.stringify([held, renewed]))
})
