import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ConfigError, readConfig } from '../../cli/config.ts'
import { temporaryFolder } from '../support/scope.ts'

const OUT = { direction: 'out', filter: 'devices/+/location', remotePrefix: 'fleet/' }
const GOOD = { name: 'yard', org: 'demo', url: 'mqtt://broker.example', topics: [OUT] }

async function read(t: TestContext, text: string, more: Record<string, string> = {}) {
  const folder = await temporaryFolder(t)
  await writeFile(join(folder, 'bridges.json'), text)
  await writeFile(join(folder, 'password'), 'from the file\n')
  return readConfig({ TRACKWIRE_BRIDGES: join(folder, 'bridges.json'), ...more })
}
const bridges = (...bridges: object[]) => JSON.stringify({ bridges })

test('a bridge is read with its defaults, its password from a file beside it', async t => {
  const { bridges: read_ } = await read(t, bridges({ ...GOOD, username: 'me', passwordFile: 'password' }))
  assert.deepEqual(read_, [
    {
      name: 'yard',
      org: 'demo',
      url: 'mqtt://broker.example',
      protocol: '3.1.1',
      clientId: 'trackwire-yard',
      username: 'me',
      password: 'from the file',
      tls: undefined,
      cleanSession: false,
      keepAliveSeconds: 30,
      maxBacklog: 100_000,
      homeAssistant: false,
      topics: [{ ...OUT, qos: 1, localPrefix: '' }],
    },
  ])
})

test('for Home Assistant at the other broker its maps are made', async t => {
  const file = bridges({ ...GOOD, homeAssistant: true, topics: [] })
  const { bridges: read_ } = await read(t, file, { TRACKWIRE_HOME_ASSISTANT: 'demo' })
  assert.deepEqual(
    read_[0]!.topics.map(({ direction, remotePrefix, filter }) => `${direction} ${remotePrefix}${filter}`),
    [
      'out homeassistant/device_tracker/+/config',
      'out homeassistant/sensor/+/+/config',
      'out demo/homeassistant/+/attributes',
      'out demo/homeassistant/+/availability',
      'in homeassistant/status',
    ],
  )
})

const IN = { direction: 'in', filter: '+/location', localPrefix: 'devices/', remotePrefix: 'fleet/' }
const REFUSED: readonly [what: string, file: string, problem: RegExp][] = [
  ['no JSON', '{', /not JSON/],
  ['an unknown key', bridges({ ...GOOD, colour: 'red' }), /colour is not a known key/],
  ['a name that is none', bridges({ ...GOOD, name: 'My bridge' }), /\/bridges\/0\/name/],
  ['two of one name', bridges(GOOD, GOOD), /two bridges are called yard/],
  ['another scheme', bridges({ ...GOOD, url: 'https://x' }), /begins with mqtt:/],
  [
    'a password in the address',
    bridges({ ...GOOD, url: 'mqtt://a:geheim@x' }),
    /^(?!.*geheim).*use username and passwordFile/,
  ],
  ['a password without a name', bridges({ ...GOOD, password: 'x' }), /a password needs a username/],
  ['a file that is not there', bridges({ ...GOOD, username: 'x', passwordFile: 'no' }), /no cannot be read \(ENOENT\)/],
  ['TLS over plain MQTT', bridges({ ...GOOD, tls: {} }), /tls is for mqtts/],
  [
    'a certificate without its key',
    bridges({ ...GOOD, url: 'mqtts://x', tls: { cert: 'password' } }),
    /cert and key go together/,
  ],
  [
    'a certificate that is none',
    bridges({ ...GOOD, url: 'mqtts://x', tls: { cert: 'password', key: 'password' } }),
    /no usable PEM/,
  ],
  ['nothing to pass', bridges({ ...GOOD, topics: [] }), /nothing would pass/],
  ['a broken filter', bridges({ ...GOOD, topics: [{ ...OUT, filter: 'a#' }] }), /not a well-formed filter/],
  ['a prefix with a wildcard', bridges({ ...GOOD, topics: [{ ...OUT, localPrefix: '+/' }] }), /localPrefix/],
  ['what a gateway may not read', bridges({ ...GOOD, topics: [{ ...OUT, filter: 'users/#' }] }), /cannot go out/],
  [
    'what a gateway may not publish',
    bridges({ ...GOOD, topics: [{ ...IN, filter: '+/last' }] }),
    /nothing under demo\/devices\/\+\/last can come in/,
  ],
  [
    'a circle',
    bridges({ ...GOOD, topics: [{ ...OUT, filter: '#', localPrefix: 'devices/' }, IN] }),
    /comes back in by fleet\/\+\/location/,
  ],
  [
    'two qualities of one topic',
    bridges({ ...GOOD, topics: [OUT, { ...OUT, filter: 'devices/#', qos: 0 }] }),
    /different qos/,
  ],
  ['discovery that is off', bridges({ ...GOOD, homeAssistant: true }), /needs TRACKWIRE_HOME_ASSISTANT=demo/],
]
for (const [what, file, problem] of REFUSED) {
  test(`refused: ${what}`, async t => {
    await assert.rejects(read(t, file), error => error instanceof ConfigError && problem.test(error.message))
  })
}

test('with MQTT 5 the same topics may go out and come in', async t => {
  const topics = [{ ...OUT, filter: '#', localPrefix: 'devices/' }, IN]
  assert.equal((await read(t, bridges({ ...GOOD, protocol: '5', topics }))).bridges.length, 1)
})

test('all that is wrong is told together, with what is wrong elsewhere', async t => {
  const file = bridges({ ...GOOD, url: 'x', topics: [] })
  await assert.rejects(read(t, file, { TRACKWIRE_HTTP_PORT: 'x' }), (error: ConfigError) => {
    assert.match(error.message, /TRACKWIRE_HTTP_PORT[\s\S]*TRACKWIRE_BRIDGES.*url is no address.*nothing would pass/)
    return true
  })
})
