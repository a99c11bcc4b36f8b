import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, readConfig, unknownVariables } from '../../cli/config.ts'
import { limitSettingsOf } from '../../cli/limit-settings.ts'
import { DEFAULT_LIMITS, NO_LIMITS } from '../../contract/index.ts'

test('without any variable the defaults of the contract hold', () => {
  const config = readConfig({})
  assert.deepEqual(
    {
      host: config.host,
      mqttPort: config.mqttPort,
      mqttsPort: config.mqttsPort,
      httpPort: config.httpPort,
      retentionRawDays: config.retentionRawDays,
      databaseUrl: config.databaseUrl,
    },
    {
      host: '127.0.0.1',
      mqttPort: 1883,
      mqttsPort: 'off',
      httpPort: 8080,
      retentionRawDays: 30,
      databaseUrl: undefined,
    },
  )
  assert.match(config.dataDirectory, /[\\/]data$/)
})

const PROVIDER = { TRACKWIRE_JWKS_URL: 'https://id.example/jwks', TRACKWIRE_JWT_ISSUER: 'https://id.example' }

const ACCEPTED: readonly [name: string, environment: Record<string, string>, key: string, value: unknown][] = [
  ['port 0 is any free port', { TRACKWIRE_MQTT_PORT: '0' }, 'mqttPort', 0],
  ['a port may be off', { TRACKWIRE_MQTT_PORT: 'off' }, 'mqttPort', 'off'],
  ['off in capitals is off', { TRACKWIRE_HTTP_PORT: 'OFF' }, 'httpPort', 'off'],
  ['an empty variable is an unset one', { TRACKWIRE_HTTP_PORT: '' }, 'httpPort', 8080],
  ['retention 0 is for ever', { TRACKWIRE_RETENTION_RAW_DAYS: '0' }, 'retentionRawDays', 0],
  [
    'origins are a list',
    { TRACKWIRE_ALLOWED_ORIGINS: 'https://a.example, https://b.example' },
    'allowedOrigins',
    ['https://a.example', 'https://b.example'],
  ],
  ['devices are adopted by themselves', {}, 'deviceAdoption', 'auto'],
  ['devices may wait in the inbox', { TRACKWIRE_DEVICE_ADOPTION: 'inbox' }, 'deviceAdoption', 'inbox'],
  ['limits may be off', { TRACKWIRE_LIMITS: 'off' }, 'limits', 'off'],
  ['one limit may be another', { TRACKWIRE_LIMITS_MESSAGES_PER_SECOND: '5' }, 'limitMessages', 5],
  ['one limit may be off', { TRACKWIRE_LIMITS_LOCATION_PER_MINUTE: 'off' }, 'limitLocation', null],
  ['proxies are a list', { TRACKWIRE_TRUSTED_PROXIES: '10.0.0.0/8, ::1' }, 'trustedProxies', ['10.0.0.0/8', '::1']],
]

for (const [name, environment, key, value] of ACCEPTED) {
  test(name, () => assert.deepEqual(readConfig(environment)[key as 'host'], value))
}

const REFUSED: readonly [name: string, environment: Record<string, string>, problem: RegExp][] = [
  ['a port that is no number', { TRACKWIRE_MQTT_PORT: 'mqtt' }, /TRACKWIRE_MQTT_PORT: "mqtt" is no port/],
  ['a port out of range', { TRACKWIRE_HTTP_PORT: '65536' }, /TRACKWIRE_HTTP_PORT: "65536" is no port/],
  [
    'a negative retention',
    { TRACKWIRE_RETENTION_RAW_DAYS: '-1' },
    /TRACKWIRE_RETENTION_RAW_DAYS: "-1" is not a whole number/,
  ],
  [
    'a database that is no PostgreSQL',
    { DATABASE_URL: 'mysql://u:secret@h/d' },
    /DATABASE_URL: not a URL that begins with postgres/,
  ],
  [
    'a limit of nothing',
    { TRACKWIRE_LIMITS_CHAT_PER_MINUTE: '0' },
    /"0" is no limit; give a whole number from 1, or off/,
  ],
  [
    'an unknown limit',
    { TRACKWIRE_LIMITS_CHAT: '5' },
    /TRACKWIRE_LIMITS_CHAT: there is no such limit; there are .*CHAT_PER_MINUTE/,
  ],
  [
    'a proxy that is no address',
    { TRACKWIRE_TRUSTED_PROXIES: 'proxy.local' },
    /"proxy.local" is neither an address nor a range/,
  ],
  ['a range that is none', { TRACKWIRE_TRUSTED_PROXIES: '10.0.0.0/33' }, /"10.0.0.0\/33" is neither/],
  ['half of a TLS pair', { TRACKWIRE_TLS_CERT: '/nowhere/cert.pem' }, /go together/],
  [
    'TLS files that are not there',
    { TRACKWIRE_TLS_CERT: '/nowhere/c', TRACKWIRE_TLS_KEY: '/nowhere/k' },
    /cannot read \/nowhere\/c \(ENOENT\)/,
  ],
  ['MQTT over TLS without a certificate', { TRACKWIRE_MQTTS_PORT: '8883' }, /TRACKWIRE_MQTTS_PORT needs/],
  ['adoption by something else', { TRACKWIRE_DEVICE_ADOPTION: 'manual' }, /"manual" is not one of auto, inbox/],
  ['a CA without MQTT over TLS', { TRACKWIRE_TLS_CA: '/nowhere/ca' }, /TRACKWIRE_TLS_CA is for MQTT over TLS alone/],
  ['a revocation list without a CA', { TRACKWIRE_TLS_CRL: '/nowhere/crl' }, /TRACKWIRE_TLS_CRL needs TRACKWIRE_TLS_CA/],
  [
    'certificates required of nobody’s CA',
    { TRACKWIRE_TLS_CLIENT_CERT: 'required' },
    /TRACKWIRE_TLS_CLIENT_CERT=required needs TRACKWIRE_TLS_CA/,
  ],
  ['nothing to listen on', { TRACKWIRE_MQTT_PORT: 'off', TRACKWIRE_HTTP_PORT: 'off' }, /every port is off/],
  ['the same port twice', { TRACKWIRE_MQTT_PORT: '9000', TRACKWIRE_HTTP_PORT: '9000' }, /are both 9000/],
  [
    'several nodes, which are not served yet',
    { REDIS_URL: 'redis://127.0.0.1' },
    /REDIS_URL: several nodes are not served yet/,
  ],
  [
    'a key set over plain HTTP',
    { ...PROVIDER, TRACKWIRE_JWKS_URL: 'http://id.example/jwks' },
    /TRACKWIRE_JWKS_URL: not a URL that begins with https/,
  ],
  [
    'a key set on a host that only begins like the loopback',
    { ...PROVIDER, TRACKWIRE_JWKS_URL: 'http://127.0.0.1.evil.example/jwks' },
    /TRACKWIRE_JWKS_URL: not a URL/,
  ],
  [
    'a key set without an issuer',
    { TRACKWIRE_JWKS_URL: 'https://id.example/jwks' },
    /TRACKWIRE_JWKS_URL needs TRACKWIRE_JWT_ISSUER/,
  ],
  ['an issuer without keys', { TRACKWIRE_JWT_ISSUER: 'x' }, /TRACKWIRE_JWT_ISSUER is about an identity provider/],
  ['an audience without keys', { TRACKWIRE_JWT_AUDIENCE: 'x' }, /TRACKWIRE_JWT_AUDIENCE is about an identity provider/],
  ['a short secret', { TRACKWIRE_JWT_SECRET: 'x'.repeat(31) }, /TRACKWIRE_JWT_SECRET: shorter than 32 bytes/],
  ['a secret beside a key set', { ...PROVIDER, TRACKWIRE_JWT_SECRET: 'x'.repeat(32) }, /exclude each other/],
  ['a role that does not exist', { ...PROVIDER, TRACKWIRE_JWT_ROLE_MAP: 'ops=boss' }, /"ops=boss" maps no role/],
  ['a role map that is no JSON', { ...PROVIDER, TRACKWIRE_JWT_ROLE_MAP: '{ops}' }, /neither JSON/],
  ['an organisation with a slash', { ...PROVIDER, TRACKWIRE_JWT_ORG: 'a/b' }, /"a\/b" is not 1 to 63/],
  ['an unknown log level', { TRACKWIRE_LOG_LEVEL: 'loud' }, /"loud" is not one of/],
]

for (const [name, environment, problem] of REFUSED) {
  test(`refused: ${name}`, () =>
    assert.throws(
      () => readConfig(environment),
      (error: Error) => error instanceof ConfigError && problem.test(error.message),
    ))
}

test('an identity provider is read with its mapping, roles in the order of the map', () => {
  const list = { ...PROVIDER, TRACKWIRE_JWT_ROLE_MAP: 'fleet-admin=admin, a=b=dispatcher', TRACKWIRE_JWT_ORG: 'acme' }
  assert.deepEqual(readConfig(list).identityProvider, {
    issuer: 'https://id.example',
    audience: undefined,
    mapping: {
      subClaim: 'sub',
      org: { fixed: 'acme' },
      roleClaim: 'role',
      roles: [
        ['fleet-admin', 'admin'],
        ['a=b', 'dispatcher'],
      ],
    },
    trust: { jwksUrl: 'https://id.example/jwks' },
  })
  const json = { ...PROVIDER, TRACKWIRE_JWT_ROLE_MAP: '{"fleet-admin": "admin"}' }
  assert.deepEqual(readConfig(json).identityProvider?.mapping.roles, [['fleet-admin', 'admin']])
  assert.deepEqual(readConfig(PROVIDER).identityProvider?.mapping.roles[0], ['admin', 'admin'])
  assert.equal(readConfig({}).identityProvider, undefined)
})

test('a secret is never repeated', () => {
  const secret = 'too short but secret'
  assert.throws(
    () => readConfig({ TRACKWIRE_JWT_SECRET: secret }),
    (error: Error) => !error.message.includes(secret),
  )
})

test('all problems are reported together', () => {
  const environment = { TRACKWIRE_MQTT_PORT: 'x', TRACKWIRE_HTTP_PORT: 'y', DATABASE_URL: 'z', REDIS_URL: 'redis://r' }
  assert.throws(
    () => readConfig(environment),
    (error: Error) =>
      error instanceof ConfigError && error.problems.length === 4 && error.message.startsWith('4 problems'),
  )
})

test('a value with a password is not repeated in the message', () => {
  assert.throws(
    () => readConfig({ DATABASE_URL: 'mysql://u:secret@h/d' }),
    (error: Error) => !error.message.includes('secret'),
  )
})

test('variables that look like ours but are none are found', () => {
  assert.deepEqual(unknownVariables({ TRACKWIRE_HTTP_PROT: '1', TRACKWIRE_HTTP_PORT: '1', PATH: '/' }), [
    'TRACKWIRE_HTTP_PROT',
  ])
})

test('without any variable the limits are those of the contract, and connections by the file descriptors', () => {
  assert.deepEqual(limitSettingsOf(readConfig({}), 1_024), { ...DEFAULT_LIMITS, connectionsTotal: 768 })
  assert.equal(limitSettingsOf(readConfig({}), 100_000).connectionsTotal, 90_000)
})

test('off turns all limits off but what protects the process', () => {
  const config = readConfig({ TRACKWIRE_LIMITS: 'off', TRACKWIRE_LIMITS_CHAT_PER_MINUTE: '5' })
  assert.deepEqual(limitSettingsOf(config, 1_024), { ...NO_LIMITS, connectionsTotal: 768 })
})

test('a limit by address that somebody sets counts the loopback too', () => {
  const config = readConfig({ TRACKWIRE_LIMITS_CONNECTIONS_PER_MINUTE: '5' })
  assert.deepEqual(limitSettingsOf(config).connectionsPerMinute, { most: 5, loopback: true })
  assert.deepEqual(limitSettingsOf(config).publicPerMinute, { most: 60, loopback: false })
})
