import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Acl,
  type AclRule,
  type Action,
  Claims,
  checkSchema,
  decideFilter,
  decideTopic,
  fillAcl,
  type Manner,
  type Principal,
  principalOf,
  type Role,
  TrackwireError,
} from '../../contract/index.ts'

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: placeholders of the acl claim
const CLIENT_ID = '${clientid}'
const USERNAME = '${username}'
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: placeholders of the acl claim

const base = { sub: 'me', org: 'demo', exp: 4_102_444_800 }
const withAcl = (acl: Acl, role: Role = 'user'): Principal => principalOf({ ...base, role, acl })
const allow = (action: AclRule['action'], topic: string, more: Partial<AclRule> = {}): AclRule => ({
  permission: 'allow',
  action,
  topic,
  ...more,
})
const deny = (action: AclRule['action'], topic: string, more: Partial<AclRule> = {}): AclRule => ({
  ...allow(action, topic, more),
  permission: 'deny',
})
const X = 'demo/devices/x/location'

interface Row {
  readonly name: string
  readonly acl: Acl
  readonly role?: Role
  readonly action: Action
  readonly topic: string
  readonly manner?: Manner
  readonly may: boolean
}

/** What a user without any device may do by its claim; `topic` with wildcards = a filter it subscribes. */
const ROWS: readonly Row[] = [
  // The object form.
  { name: 'pub allows publishing', acl: { pub: [X] }, action: 'publish', topic: X, may: true },
  { name: 'pub allows no reading', acl: { pub: [X] }, action: 'subscribe', topic: X, may: false },
  { name: 'sub allows reading', acl: { sub: [X] }, action: 'subscribe', topic: X, may: true },
  { name: 'sub allows no publishing', acl: { sub: [X] }, action: 'publish', topic: X, may: false },
  { name: 'all allows publishing', acl: { all: [X] }, action: 'publish', topic: X, may: true },
  { name: 'all allows reading', acl: { all: [X] }, action: 'subscribe', topic: X, may: true },
  { name: 'empty lists allow nothing', acl: { pub: [], sub: [], all: [] }, action: 'publish', topic: X, may: false },
  { name: 'the empty object allows nothing', acl: {}, action: 'subscribe', topic: X, may: false },
  { name: 'the empty list allows nothing', acl: [], action: 'subscribe', topic: X, may: false },
  { name: 'the second of a list', acl: { sub: ['demo/fences/a', X] }, action: 'subscribe', topic: X, may: true },
  { name: 'eq in a list', acl: { sub: [`eq ${X}`] }, action: 'subscribe', topic: X, may: true },
  // Order.
  { name: 'deny first', acl: [deny('all', '#'), allow('all', X)], action: 'publish', topic: X, may: false },
  { name: 'allow first', acl: [allow('all', X), deny('all', '#')], action: 'publish', topic: X, may: true },
  {
    name: 'a rule of the other action is passed over',
    acl: [deny('subscribe', '#'), allow('publish', X)],
    action: 'publish',
    topic: X,
    may: true,
  },
  {
    name: 'the third decides',
    acl: [deny('all', 'demo/devices/y/#'), deny('all', 'demo/fences/#'), allow('all', 'demo/devices/#')],
    action: 'publish',
    topic: X,
    may: true,
  },
  { name: 'no rule matches: the role', acl: [deny('all', 'demo/fences/#')], action: 'publish', topic: X, may: false },
  {
    name: 'no rule matches: the role, that may',
    role: 'service',
    acl: [deny('all', 'demo/fences/#')],
    action: 'publish',
    topic: X,
    may: true,
  },
  // Wildcards in rules.
  { name: '+ is one level', acl: { pub: ['demo/devices/+/location'] }, action: 'publish', topic: X, may: true },
  {
    name: '+ is not two levels',
    acl: { pub: ['demo/devices/+'] },
    action: 'publish',
    topic: X,
    may: false,
  },
  { name: '# is all below', acl: { pub: ['demo/devices/#'] }, action: 'publish', topic: X, may: true },
  { name: '# alone', acl: { pub: ['#'] }, action: 'publish', topic: X, may: true },
  { name: '+ for the organisation', acl: { pub: ['+/devices/x/location'] }, action: 'publish', topic: X, may: true },
  { name: 'case counts', acl: { pub: ['demo/devices/X/location'] }, action: 'publish', topic: X, may: false },
  { name: 'a trailing slash counts', acl: { pub: [`${X}/`] }, action: 'publish', topic: X, may: false },
  { name: 'a leading slash counts', acl: { pub: [`/${X}`] }, action: 'publish', topic: X, may: false },
  // eq: compared as it stands.
  { name: 'eq of the topic', acl: [allow('publish', `eq ${X}`)], action: 'publish', topic: X, may: true },
  {
    name: 'eq with + is no wildcard',
    acl: { pub: ['eq demo/devices/+/location'] },
    action: 'publish',
    topic: X,
    may: false,
  },
  { name: 'eq with # is no wildcard', acl: { pub: ['eq demo/#'] }, action: 'publish', topic: X, may: false },
  { name: 'eq # and a topic', acl: [deny('all', 'eq #'), allow('all', '#')], action: 'publish', topic: X, may: true },
  {
    name: 'eq of a filter is about that filter',
    acl: [deny('subscribe', 'eq demo/devices/+/location')],
    role: 'dispatcher',
    action: 'subscribe',
    topic: 'demo/devices/+/location',
    may: false,
  },
  {
    name: 'eq of a filter, and the wider one',
    acl: [deny('subscribe', 'eq demo/devices/+/location')],
    role: 'dispatcher',
    action: 'subscribe',
    topic: 'demo/devices/#',
    may: true,
  },
  {
    name: 'eq of a filter, and a topic under it',
    acl: [deny('subscribe', 'eq demo/devices/+/location')],
    role: 'dispatcher',
    action: 'subscribe',
    topic: X,
    may: true,
  },
  {
    name: 'eq in capitals is no eq: the topic has a space in it',
    acl: { pub: [`EQ ${X}`] },
    action: 'publish',
    topic: X,
    may: false,
  },
  // QoS.
  ...([0, 1, 2] as const).flatMap((qos): Row[] => [
    {
      name: `qos 1 and a publish at ${qos}`,
      acl: [allow('publish', X, { qos: 1 })],
      action: 'publish',
      topic: X,
      manner: { qos },
      may: qos === 1,
    },
    {
      name: `qos [0, 1] and a subscription at ${qos}`,
      acl: [allow('subscribe', X, { qos: [0, 1] })],
      action: 'subscribe',
      topic: X,
      manner: { qos },
      may: qos < 2,
    },
    {
      name: `qos [0, 1] and a filter at ${qos}`,
      acl: [allow('all', 'demo/devices/#', { qos: [0, 1] }), deny('all', '#')],
      action: 'subscribe',
      topic: 'demo/devices/+/location',
      manner: { qos },
      may: qos < 2,
    },
    {
      name: `a denied qos 2 and a publish at ${qos}`,
      acl: [deny('publish', X, { qos: [2] })],
      role: 'service',
      action: 'publish',
      topic: X,
      manner: { qos },
      may: qos < 2,
    },
    {
      name: `no qos named, at ${qos}`,
      acl: [allow('publish', X)],
      action: 'publish',
      topic: X,
      manner: { qos },
      may: true,
    },
  ]),
  {
    name: 'qos 2 alone, and what has no QoS (HTTP)',
    acl: [allow('subscribe', X, { qos: 2 })],
    action: 'subscribe',
    topic: X,
    may: true,
  },
  {
    name: 'every QoS denied, and what has none',
    acl: [deny('subscribe', X, { qos: [0, 1, 2] })],
    role: 'admin',
    action: 'subscribe',
    topic: X,
    may: false,
  },
  // Retain.
  ...[true, false].flatMap((retain): Row[] => [
    {
      name: `retain true and a publish that is ${retain ? '' : 'not '}retained`,
      acl: [allow('publish', X, { retain: true })],
      action: 'publish',
      topic: X,
      manner: { qos: 1, retain },
      may: retain,
    },
    {
      name: `retain false and a publish that is ${retain ? '' : 'not '}retained`,
      acl: [deny('publish', X, { retain: false })],
      role: 'service',
      action: 'publish',
      topic: X,
      manner: { qos: 1, retain },
      may: retain,
    },
    {
      name: `retain ${retain} says nothing of a subscription`,
      acl: [allow('all', X, { retain })],
      action: 'subscribe',
      topic: X,
      manner: { qos: 1 },
      may: true,
    },
  ]),
  {
    name: 'QoS and retain flag both have to fit',
    acl: [allow('publish', X, { retain: true, qos: 1 })],
    action: 'publish',
    topic: X,
    manner: { qos: 0, retain: true },
    may: false,
  },
  // Nothing reaches out of the organisation, or where the platform alone is.
  ...[
    'rival/devices/x/location',
    'demo2/devices/x/location',
    'dem/devices/x/location',
    'Demo/devices/x/location',
    'demo /devices/x/location',
    '/demo/devices/x/location',
    'demo//devices/x/location',
    'demo/devices/x/location/',
    '$SYS/broker/uptime',
    '$SYS/demo/devices/x/location',
    '$share/g/demo/devices/x/location',
    '$queue/demo/devices/x/location',
    '$demo/devices/x/location',
    'demo/anything',
    'demo',
    '',
    '/',
    '#',
    '+',
    'demo/#',
    'demo/devices/+/location',
    'demo/devices/x\0/location',
    'demo/devices/x/last',
    'demo/fences/home',
    'demo/sos/x',
    'demo/notifications/sos/triggered/x',
    'demo/users/me/errors',
  ].map(
    (topic): Row => ({
      name: 'claims for everything give no publishing',
      acl: { all: ['#', '+/#', '$SYS/#', '$share/#', topic].filter(text => text !== '' && !text.includes('\0')) },
      action: 'publish',
      topic,
      may: false,
    }),
  ),
  ...[
    '#',
    '+',
    '+/devices/x/location',
    '+/#',
    '/#',
    '/demo/#',
    'demo//#',
    'rival/#',
    'rival/devices/x/location',
    'demo2/#',
    'dem/#',
    'Demo/#',
    '$SYS/#',
    '$SYS/+',
    '$share/g/demo/devices/+/location',
    '$share/g/#',
    '$queue/demo/#',
    '$auth/token',
    '$auth/#',
    'demo',
    'demo/+',
    'demo/anything/#',
    'demo/devices',
    'demo/devices/+',
    'demo/devices/x/location/#/y',
    'demo/devices/x+/location',
    'demo#',
    '',
  ].map(
    (topic): Row => ({
      name: 'claims for everything give no such filter',
      acl: { all: ['#', '+/#', '$SYS/#', '$share/#', '$auth/#'] },
      role: 'admin',
      action: 'subscribe',
      topic: topic === '' ? '#' : topic,
      may: false,
    }),
  ),
  ...['demo/#', 'demo/devices/#', 'demo/+/x/location', 'demo/devices/+/location', 'demo/users/other/errors'].map(
    (topic): Row => ({
      name: 'a claim for everything gives all of the own organisation',
      acl: { sub: ['#'] },
      action: 'subscribe',
      topic,
      may: true,
    }),
  ),
  // Filters and rules that are narrower than they are.
  {
    name: 'a narrower deny does not refuse the wildcard',
    acl: [deny('all', 'demo/devices/x/#')],
    role: 'dispatcher',
    action: 'subscribe',
    topic: 'demo/devices/+/location',
    may: true,
  },
  {
    name: 'a deny that covers the wildcard refuses it, though a narrower allow comes first',
    acl: [allow('all', 'demo/devices/x/#'), deny('all', 'demo/devices/#')],
    role: 'dispatcher',
    action: 'subscribe',
    topic: 'demo/devices/+/location',
    may: false,
  },
  {
    name: 'a narrower allow does not grant the wildcard that the role may not hold',
    acl: { sub: ['demo/devices/y/location'] },
    role: 'device',
    action: 'subscribe',
    topic: 'demo/devices/+/location',
    may: false,
  },
  ...(['demo/devices/#', 'demo/devices/x/#', 'demo/#'] as const).map(
    (topic): Row => ({
      name: 'a + of a rule is not the # of a filter',
      acl: { sub: ['demo/devices/+', 'demo/devices/x/+', 'demo/+', 'demo/+/+'] },
      role: 'device',
      action: 'subscribe',
      topic,
      may: false,
    }),
  ),
  {
    name: 'a deny of # leaves the renewal of the token, whose topic begins with $',
    acl: [deny('all', '#')],
    action: 'publish',
    topic: '$auth/token',
    may: true,
  },
  {
    name: 'a deny of the renewal of the token',
    acl: [deny('publish', '$auth/token')],
    action: 'publish',
    topic: '$auth/token',
    may: false,
  },
]

for (const { name, acl, role = 'user', action, topic, manner = {}, may } of ROWS) {
  test(`acl, ${name}: ${role} ${may ? 'may' : 'may not'} ${action} ${JSON.stringify(topic)}`, () => {
    const principal = withAcl(acl, role)
    const { allowed, reason } =
      action === 'subscribe'
        ? decideFilter(principal, topic, manner)
        : decideTopic(principal, action, topic, undefined, manner)
    assert.equal(allowed, may, reason)
    assert.ok(reason.length > 0)
    if (action === 'subscribe' && !/[+#]/.test(topic))
      assert.equal(decideTopic(principal, 'subscribe', topic, undefined, manner).allowed, may)
  })
}

const FILLED = `demo/devices/${CLIENT_ID}/location`
const BY_NAME = `demo/devices/${USERNAME}/location`
interface Filling {
  readonly name: string
  readonly rule: AclRule
  readonly clientId?: string
  readonly username?: string | undefined
  /** null: the rule falls away. */
  readonly topic: string | null
}
const HOSTILE: readonly [string, string][] = [
  ['+', 'a wildcard'],
  ['#', 'a wildcard for all'],
  ['a/b', 'two levels'],
  ['/', 'two empty levels'],
  ['a\0b', 'a NUL'],
  ['', 'empty'],
  ['a+', 'a wildcard inside'],
  ['x/#', 'a filter'],
]
const FILLINGS: readonly Filling[] = [
  { name: 'a client id', rule: allow('all', FILLED), clientId: 'cab-1', topic: 'demo/devices/cab-1/location' },
  { name: 'a user name', rule: allow('all', BY_NAME), username: 'cab-1', topic: 'demo/devices/cab-1/location' },
  { name: 'no user name', rule: allow('all', BY_NAME), username: undefined, topic: null },
  { name: 'no user name, denied', rule: deny('all', BY_NAME), username: undefined, topic: 'demo/devices/+/location' },
  {
    name: 'both',
    rule: allow('all', `demo/devices/${USERNAME}-${CLIENT_ID}/#`),
    clientId: '1',
    username: 'cab',
    topic: 'demo/devices/cab-1/#',
  },
  {
    name: 'a value that is itself a placeholder stays as it is',
    rule: allow('all', FILLED),
    clientId: USERNAME,
    username: 'cab',
    topic: `demo/devices/${USERNAME}/location`,
  },
  {
    name: 'a value with $ signs of replacements',
    rule: allow('all', FILLED),
    clientId: '$&$1',
    topic: 'demo/devices/$&$1/location',
  },
  { name: 'no placeholder', rule: allow('all', X), clientId: '#', topic: X },
  { name: 'another placeholder is a text', rule: allow('all', `demo/\${sub}/#`), topic: `demo/\${sub}/#` },
  { name: 'eq', rule: allow('all', `eq ${FILLED}`), clientId: 'cab-1', topic: 'eq demo/devices/cab-1/location' },
  ...HOSTILE.flatMap(([clientId, what]): Filling[] => [
    { name: `${what}, allowed`, rule: allow('all', FILLED), clientId, topic: null },
    { name: `${what}, denied`, rule: deny('all', FILLED), clientId, topic: 'demo/devices/+/location' },
    {
      name: `${what}, denied on a part of a level`,
      rule: deny('all', `demo/devices/cab-${CLIENT_ID}-x/${CLIENT_ID}/#`),
      clientId,
      topic: 'demo/devices/+/+/#',
    },
    {
      name: `${what}, denied by eq`,
      rule: deny('all', `eq ${FILLED}`),
      clientId,
      topic: 'demo/devices/+/location',
    },
    {
      name: `${what} as a user name`,
      rule: allow('all', BY_NAME),
      username: clientId,
      topic: null,
    },
  ]),
]

for (const { name, rule, clientId = 'any', username, topic } of FILLINGS) {
  test(`placeholders, ${name}: ${rule.permission} ${rule.topic}`, () => {
    const { acl } = fillAcl(withAcl([rule]), { clientId, username })
    assert.deepEqual(acl, topic === null ? [] : [{ ...rule, topic }])
  })
}

const REFUSED: readonly [name: string, acl: unknown, fault: RegExp][] = [
  ['an unknown key of a rule', [{ ...allow('all', X), clientid: 'x' }], /clientid is not a known key/],
  ['an unknown key of the object form', { publish: [X] }, /publish is not a known key/],
  ['a permission that is none', [{ ...allow('all', X), permission: 'maybe' }], /permission must be allow or deny/],
  ['an action that is none', [{ ...allow('all', X), action: 'pubsub' }], /action must be publish or subscribe or all/],
  ['a rule without a topic', [{ permission: 'deny', action: 'all' }], /topic/],
  ['an empty topic', [allow('all', '')], /topic/],
  ['# inside a level', [deny('all', 'demo/x#')], /topic is no topic filter/],
  ['# before the end', [deny('all', 'demo/#/x')], /topic is no topic filter/],
  ['+ inside a level', { sub: ['demo/x+'] }, /sub\/0 is no topic filter/],
  ['a NUL', { pub: ['demo/\0'] }, /pub\/0 is no topic filter/],
  ['eq of nothing', [deny('all', 'eq ')], /topic is no topic filter/],
  ['eq of a broken filter', [deny('all', 'eq demo/x#')], /topic is no topic filter/],
  ['a list of topics where one belongs', [{ ...allow('all', X), topic: [X] }], /topic/],
  ['a QoS of 3', [{ ...allow('all', X), qos: 3 }], /qos/],
  ['a QoS as a text', [{ ...allow('all', X), qos: '1' }], /qos/],
  ['no QoS at all', [{ ...allow('all', X), qos: [] }], /qos/],
  ['a retain flag that is a number', [{ ...allow('all', X), retain: 1 }], /retain/],
  ['a text', X, /acl/],
  ['a topic of 513 characters', { sub: ['x'.repeat(513)] }, /sub\/0/],
]
for (const [name, acl, fault] of REFUSED) {
  test(`an acl claim with ${name} is refused`, () => {
    assert.throws(
      () => checkSchema(Claims, { ...base, role: 'user', acl }),
      (error: Error) => error instanceof TrackwireError && fault.test(error.message) && /^\/acl/.test(error.message),
    )
  })
}

for (const acl of [
  [allow('all', X, { qos: 0, retain: false }), deny('publish', 'eq #', { qos: [1, 2] })],
  { pub: ['eq demo/x'], sub: ['demo/#'], all: [`demo/${CLIENT_ID}/${USERNAME}`] },
  [],
  {},
]) {
  test(`the acl claim ${JSON.stringify(acl)} is one`, () => {
    assert.doesNotThrow(() => checkSchema(Claims, { ...base, role: 'user', acl }))
  })
}
