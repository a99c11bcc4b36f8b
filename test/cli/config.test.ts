import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, readConfig, unknownVariables } from '../../cli/config.ts'

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
  ['limits may be off', { TRACKWIRE_LIMITS: 'off' }, 'limits', 'off'],
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
  ['half of a TLS pair', { TRACKWIRE_TLS_CERT: '/nowhere/cert.pem' }, /go together/],
  [
    'TLS files that are not there',
    { TRACKWIRE_TLS_CERT: '/nowhere/c', TRACKWIRE_TLS_KEY: '/nowhere/k' },
    /cannot read \/nowhere\/c \(ENOENT\)/,
  ],
  ['MQTT over TLS without a certificate', { TRACKWIRE_MQTTS_PORT: '8883' }, /TRACKWIRE_MQTTS_PORT needs/],
  ['nothing to listen on', { TRACKWIRE_MQTT_PORT: 'off', TRACKWIRE_HTTP_PORT: 'off' }, /every port is off/],
  ['the same port twice', { TRACKWIRE_MQTT_PORT: '9000', TRACKWIRE_HTTP_PORT: '9000' }, /are both 9000/],
  [
    'several nodes, which are not served yet',
    { REDIS_URL: 'redis://127.0.0.1' },
    /REDIS_URL: several nodes are not served yet/,
  ],
  ['an unknown log level', { TRACKWIRE_LOG_LEVEL: 'loud' }, /"loud" is not one of/],
]

for (const [name, environment, problem] of REFUSED) {
  test(`refused: ${name}`, () =>
    assert.throws(
      () => readConfig(environment),
      (error: Error) => error instanceof ConfigError && problem.test(error.message),
    ))
}

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
