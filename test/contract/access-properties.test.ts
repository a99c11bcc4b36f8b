import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type AclRule,
  decideFilter,
  decideTopic,
  explainDecision,
  isFilter,
  type Manner,
  matchesFilter,
  type Principal,
  parseTopic,
} from '../../contract/index.ts'
import {
  anyAction,
  anyFilter,
  anyManner,
  anyone,
  anyRule,
  anyTopic,
  openedTopic,
} from '../support/access-arbitraries.ts'

const MANY = { numRuns: 2_000 }
const mayRead = (principal: Principal, topic: string, manner: Manner = {}) =>
  decideTopic(principal, 'subscribe', topic, undefined, manner).allowed

test('nothing outside the organisation is ever allowed, whatever is claimed', () => {
  fc.assert(
    fc.property(anyone, anyAction, anyTopic, anyFilter, anyManner, (principal, action, topic, filter, manner) => {
      if (decideTopic(principal, action, topic, undefined, manner).allowed)
        assert.ok(topic.startsWith('demo/') || (action === 'publish' && topic === '$auth/token'), topic)
      if (decideFilter(principal, filter, manner).allowed) assert.ok(filter.startsWith('demo/'), filter)
    }),
    MANY,
  )
})

test('no text of any kind makes a decision throw, and the same question has the same answer', () => {
  const text = fc.oneof(
    { weight: 20, arbitrary: fc.string() },
    { weight: 20, arbitrary: fc.string({ unit: 'binary' }) },
    {
      weight: 20,
      arbitrary: anyTopic.chain(topic => fc.nat(topic.length).map(at => `${topic.slice(0, at)}\0${topic.slice(at)}`)),
    },
    {
      weight: 20,
      arbitrary: fc
        .array(fc.constantFrom('demo', 'devices', 'own', '+', '#', '', '$SYS', 'eq ', '__proto__', '\uD800', '\0'))
        .map(levels => levels.join('/')),
    },
    { weight: 1, arbitrary: fc.constantFrom('demo/'.repeat(13_000), '#'.repeat(65_535), 'x'.repeat(65_535)) },
  )
  fc.assert(
    fc.property(anyone, anyAction, text, text, anyManner, (principal, action, topic, ruleTopic, manner) => {
      const rule: AclRule = { permission: 'allow', action: 'all', topic: ruleTopic }
      const bold = { ...principal, acl: [rule, ...principal.acl] }
      const decision = decideTopic(bold, action, topic, undefined, manner)
      assert.deepEqual(decideTopic(bold, action, topic, undefined, manner), decision)
      if (decision.allowed) assert.ok(parseTopic(topic) !== null)
      const held = decideFilter(bold, topic, manner)
      assert.deepEqual(decideFilter(bold, topic, manner), held)
      if (held.allowed) assert.ok(isFilter(topic) && topic.startsWith('demo/'))
      assert.equal(typeof explainDecision(bold, action, topic, manner).text, 'string')
    }),
    MANY,
  )
})

test('the first rule that matches decides, written once more in plain words', () => {
  const plain = (rule: AclRule, action: string, topic: string, manner: Manner & { qos: number }) =>
    (rule.action === action || rule.action === 'all') &&
    (rule.qos === undefined || [rule.qos].flat().some(qos => qos === manner.qos)) &&
    (rule.retain === undefined || action === 'subscribe' || rule.retain === (manner.retain ?? false)) &&
    (rule.topic.startsWith('eq ') ? rule.topic === `eq ${topic}` : matchesFilter(rule.topic, topic))
  fc.assert(
    fc.property(
      anyone,
      anyAction,
      anyTopic,
      fc.constantFrom(0, 1, 2),
      anyManner,
      (principal, action, topic, qos, some) => {
        const manner = { ...some, qos: qos as 0 | 1 | 2 }
        const bare = { ...principal, acl: [] }
        const pinned = { ...principal, acl: [{ permission: 'allow', action: 'all', topic } as const] }
        // What is out of everybody's reach stays there.
        if (!decideTopic(pinned, action, topic, undefined, manner).allowed) {
          assert.equal(decideTopic(principal, action, topic, undefined, manner).allowed, false)
          return
        }
        const first = principal.acl.find(rule => plain(rule, action, topic, manner))
        const expected =
          first === undefined
            ? decideTopic(bare, action, topic, undefined, manner).allowed
            : first.permission === 'allow'
        assert.equal(decideTopic(principal, action, topic, undefined, manner).allowed, expected)
      },
    ),
    MANY,
  )
})

test('a deny rule in front never allows more, of topics and of filters', () => {
  fc.assert(
    fc.property(
      anyone,
      anyRule,
      anyAction,
      anyTopic,
      anyFilter,
      anyManner,
      (principal, rule, action, topic, filter, manner) => {
        const narrowed = { ...principal, acl: [{ ...rule, permission: 'deny' as const }, ...principal.acl] }
        if (decideTopic(narrowed, action, topic, undefined, manner).allowed)
          assert.ok(decideTopic(principal, action, topic, undefined, manner).allowed)
        if (decideFilter(narrowed, filter, manner).allowed) assert.ok(decideFilter(principal, filter, manner).allowed)
      },
    ),
    MANY,
  )
})

test('a deny rule in front takes exactly what it matches', () => {
  fc.assert(
    fc.property(anyone, openedTopic, anyTopic, (principal, denied, topic) => {
      const rule: AclRule = { permission: 'deny', action: 'subscribe', topic: denied }
      const expected = mayRead(principal, topic) && !matchesFilter(denied, topic)
      assert.equal(mayRead({ ...principal, acl: [rule, ...principal.acl] }, topic), expected)
    }),
    MANY,
  )
})

test('fewer granted devices never allow more', () => {
  fc.assert(
    fc.property(anyone, anyAction, anyTopic, anyFilter, anyManner, (principal, action, topic, filter, manner) => {
      const poorer = { ...principal, devices: new Set<string>() }
      if (decideTopic(poorer, action, topic, undefined, manner).allowed)
        assert.ok(decideTopic(principal, action, topic, undefined, manner).allowed)
      if (decideFilter(poorer, filter, manner).allowed) assert.ok(decideFilter(principal, filter, manner).allowed)
    }),
    MANY,
  )
})

test('a filter without wildcards is held exactly where its topic may be read', () => {
  fc.assert(
    fc.property(anyone, anyTopic, anyManner, (principal, topic, manner) => {
      assert.equal(decideFilter(principal, topic, manner).allowed, mayRead(principal, topic, manner))
    }),
    MANY,
  )
})

/** What a wildcard may keep from somebody is listed at decideFilter; nothing else is lost. */
test('where a filter is refused, nothing is readable under it but by the listed exceptions', () => {
  let lookedAt = 0
  fc.assert(
    fc.property(anyone, openedTopic, anyTopic, (principal, filter, topic) => {
      if (!matchesFilter(filter, topic) || !mayRead(principal, topic) || decideFilter(principal, filter).allowed) return
      lookedAt += 1
      const { acl, role, sub } = principal
      const allowedByClaim = acl.some(({ permission }) => permission === 'allow')
      const covered = acl.some(rule => !decideFilter({ ...principal, role: 'admin', acl: [rule] }, filter).allowed)
      const widest = ['devices', 'notifications', 'sos', 'incidents', 'fences', `users/${sub}`]
      const widerThanRole =
        role === 'device'
          ? !/^demo\/(fences|devices\/(own|me)|users\/(own|me))\//.test(`${filter}/`)
          : role !== 'admin' && !widest.some(head => filter.startsWith(`demo/${head}/`))
      const outside = !filter.startsWith('demo/')
      const aboutPrincipals = /^demo\/(users|\+)\//.test(filter)
      assert.ok(
        outside || allowedByClaim || covered || widerThanRole || aboutPrincipals,
        `${role} ${sub}: ${filter} and ${topic}`,
      )
    }),
    { numRuns: 20_000 },
  )
  assert.ok(lookedAt > 50, `only ${lookedAt} of them came up`)
})

test('an explanation says what is decided, and one of its steps decides', () => {
  fc.assert(
    fc.property(anyone, anyAction, fc.oneof(anyTopic, anyFilter), anyManner, (principal, action, topic, manner) => {
      const explained = explainDecision(principal, action, topic, manner)
      const isWildcard = action === 'subscribe' && /[+#]/.test(topic)
      const { allowed } = isWildcard
        ? decideFilter(principal, topic, manner)
        : decideTopic(principal, action, topic, undefined, manner)
      assert.equal(explained.allowed, allowed)
      const decided = explained.considered.map(step => step.decided)
      assert.deepEqual(decided, [...Array(decided.length - 1).fill(false), true])
      const last = explained.considered.at(-1)!.text
      if (/^Rule/.test(last)) assert.match(last, allowed ? /\(allow / : /\(deny /)
    }),
    MANY,
  )
})
