import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { collectGarbage, INSPECTABLE } from '../support/inspector.ts'
import { connect, FLAG, packet, publish, remainingLength, subscribe, unsubscribe, word } from '../support/mqtt-bytes.ts'
import { NODE_ARGUMENTS } from '../support/node-arguments.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { openRaw, type RawClient } from '../support/raw-mqtt.ts'
import { openScope } from '../support/scope.ts'
import { randomOf } from '../support/seeded-random.ts'

/*
 * Attacks on the real platform in a process of its own: it must not end, not grow, not stop serving others and not give away what is theirs.
 * All are bounded in number and in time: what is tried here is whether something gives way at all, not how much of it.
 */
const scope = openScope()
const DEVICE = { role: 'device', sub: 'attacker' } as const
const LOCATION = 'demo/devices/attacker/location'
/** Lies in another organisation: nothing that an attacker is sent may hold it. */
const SECRET = 'secret-of-the-rival'
/** What the memory allocator and the compiler keep of a busy time counts too. */
const MAY_GROW_BYTES = 300_000_000

let platform: RunningPlatform
let mqttPort: number
let httpPort: number
let token: string
let bystander: RawClient
let residentAtStart: number
let heard = 0

before(async () => {
  platform = await startTestPlatform(scope, {
    environment: { TRACKWIRE_LOG_LEVEL: 'error' },
    nodeArguments: [...NODE_ARGUMENTS, INSPECTABLE],
  })
  mqttPort = Number(new URL(platform.mqttUrl).port)
  httpPort = Number(new URL(platform.httpUrl).port)
  token = await platform.token(DEVICE)
  bystander = await openRaw(scope, mqttPort)
  bystander.sendBytes(
    connect({ clientId: 'bystander', password: await platform.token({ role: 'device', sub: 'bus-1', org: 'rival' }) }),
  )
  await bystander.next('connack')
  await bystander.subscribe('rival/devices/bus-1/status')
  bystander.publish('rival/devices/bus-1/status', JSON.stringify({ state: 'online', firmware: SECRET }), 1)
  await bystander.next('puback')
  await collectGarbage(platform)
  residentAtStart = await residentBytes()
})
after(() => scope.release())

async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${platform.pid}/status`, 'utf8').catch(() => 'VmRSS: 0 kB')
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) * 1_024
}

/** A flood may keep it busy for a moment, and it says so. */
async function recovered(): Promise<void> {
  let status = 0
  for (let i = 0; i < 100 && status !== 200; i += 1) {
    if (i > 0) await new Promise(resolve => setTimeout(resolve, 100))
    status = (await fetch(`${platform.httpUrl}/health`)).status
  }
  assert.equal(status, 200)
}

interface Attack {
  /** Leaves without reading what is answered. */
  readonly blind?: boolean
  readonly port?: number
  /** How long it waits to be closed before it leaves by itself. */
  readonly patienceMs?: number
}

/** Sends bytes to a port, waits for the end and returns what was answered. */
function send(parts: Uint8Array | string | readonly (Uint8Array | string)[], attack: Attack = {}): Promise<string> {
  const { blind = false, port = mqttPort, patienceMs = 150 } = attack
  return new Promise(resolve => {
    const socket = connectTcp({ host: '127.0.0.1', port, noDelay: true })
    const answers: Buffer[] = []
    const leave = setTimeout(() => socket.destroy(), patienceMs + 2_000)
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(leave)
      const answer = Buffer.concat(answers).toString('latin1')
      assert.ok(!answer.includes(SECRET), 'another organisation was disclosed')
      resolve(answer)
    })
    if (blind) socket.pause()
    else socket.on('data', chunk => answers.push(chunk))
    const list = typeof parts === 'string' || parts instanceof Uint8Array ? [parts] : parts
    socket.on('connect', () => {
      for (const [i, part] of list.entries()) {
        socket.write(part, () => {
          if (i === list.length - 1) setTimeout(() => socket.destroy(), patienceMs)
        })
      }
    })
  })
}

const many = (count: number, attack: (i: number) => Promise<unknown>) =>
  Promise.all(Array.from({ length: count }, (_, i) => attack(i)))
const asDevice = (...parts: (Uint8Array | string)[]) => [connect({ password: token }), ...parts]
const repeat = (count: number, bytes: (i: number) => Uint8Array) =>
  Buffer.concat(Array.from({ length: count }, (_, i) => bytes(i)))
const noise = (bytes: number, seed: number) => {
  const random = randomOf(seed)
  return Buffer.from(Array.from({ length: bytes }, () => Math.floor(random() * 256)))
}
const web = (text: string | Uint8Array, more: Attack = {}) => send(text, { port: httpPort, ...more })
const get = (path: string, headers = '') =>
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${headers}\r\n`
const post = (path: string, body: string, headers = '') =>
  `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`
const upgrade = (protocol = 'mqtt', path = '/mqtt', key = 'dGhlIHNhbXBsZSBub25jZQ==') =>
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`
/** A WebSocket frame whose mask is zero, so that its bytes stay as they are. */
function frame(first: number, body: Uint8Array | string = ''): Buffer {
  const bytes = Buffer.from(body)
  const length = bytes.length < 126 ? [0x80 | bytes.length] : [0xfe, ...word(bytes.length)]
  return Buffer.concat([Buffer.from([first, ...length, 0, 0, 0, 0]), bytes])
}
const socketWith = (...frames: Uint8Array[]) => Buffer.concat([Buffer.from(upgrade()), ...frames])
const TLS_HELLO = Buffer.concat([
  Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
  noise(502, 1),
])
const fixWith = (more: string) => `{"timestamp":1700000000000,"location":{"lat":41.15,"lng":-8.61},${more}}`
const publishes = (...payloads: (string | Uint8Array)[]) =>
  asDevice(...payloads.map((payload, i) => publish(2, LOCATION, i + 1, payload)))

async function noFile(...paths: string[]): Promise<void> {
  for (const path of paths) {
    const answer = await web(get(path), { patienceMs: 5_000 })
    assert.doesNotMatch(answer, /root:.*:0:0|"dependencies"|BEGIN [A-Z ]*PRIVATE KEY/)
  }
}

async function refused(text: string): Promise<void> {
  const answer = await web(text, { patienceMs: 5_000 })
  assert.match(answer, /^HTTP\/1\.1 [45]\d\d/)
}

const ATTACKS: Readonly<Record<string, () => Promise<unknown>>> = {
  'sockets that send nothing': () => many(300, () => send('')),
  'sockets that send one byte of a CONNECT': () => many(200, () => send(Uint8Array.of(0x10))),
  'sockets that send a CONNECT drop by drop': () =>
    many(50, () => send([...connect({ password: 'x' })].map(byte => Uint8Array.of(byte)))),
  'sockets that are reset in the middle of a CONNECT': () =>
    many(100, () => send(connect({ password: token }).subarray(0, 30), { patienceMs: 0 })),
  'CONNECTs that declare 256 MB': () =>
    many(50, () => send([Buffer.from([0x10, ...remainingLength(268_435_455)]), Buffer.alloc(100_000)])),
  'CONNECTs of 16 KiB of zeros': () => many(50, () => send(packet(0x10, Buffer.alloc(16_000)))),
  'bytes of chance on the MQTT port': () => many(20, i => send(noise(10_000, i))),
  'bytes of chance behind a CONNECT': () => many(20, i => send(asDevice(noise(10_000, i)))),
  'HTTP on the MQTT port': () => send(get('/')),
  'TLS on the MQTT port': () => send(TLS_HELLO),
  'SSH on the MQTT port': () => send('SSH-2.0-OpenSSH_9.0\r\n'),
  'CONNECTs of MQTT 5 with spoilt properties': () =>
    many(50, i => send(packet(0x10, [0, 4], 'MQTT', [5, 2, 0, 0], noise(60, i)))),
  'a thousand wrong tokens': () => many(100, i => send(connect({ password: `${i}.${'a'.repeat(100)}.b` }))),
  'a token without a signature': () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const forged = `${part({ alg: 'none' })}.${part({ sub: 'root', org: 'rival', role: 'admin', exp: 4e9 })}.`
    return send([connect({ password: forged }), subscribe(1, ['rival/#', 0])])
  },
  'tokens of dots and of 15 KB': () => many(20, i => send(connect({ password: (i % 2 ? '.' : 'a').repeat(15_000) }))),
  'client ids named __proto__ and constructor': () =>
    many(20, i =>
      send(connect({ clientId: ['__proto__', 'constructor', 'toString', 'hasOwnProperty'][i % 4]!, password: token })),
    ),
  'a storm of takeovers': () => many(100, () => send(connect({ clientId: 'one', password: token }))),
  'three hundred stored sessions': () =>
    many(300, i =>
      send([
        connect({ clientId: `stored-${i}`, flags: FLAG.userName | FLAG.password, password: token }),
        subscribe(1, ['demo/devices/attacker/#', 1]),
      ]),
    ),
  'wills on topics of others': () =>
    many(20, () =>
      send(connect({ will: { topic: 'rival/devices/bus-1/status', payload: '{"state":"offline"}' }, password: token })),
    ),
  'a PUBLISH that declares 256 MB': () =>
    send(asDevice(Buffer.from([0x30, ...remainingLength(268_435_455)]), Buffer.alloc(1_000_000))),
  'twenty payloads of 4 MB': () =>
    many(10, () =>
      send(asDevice(...[1, 2].map(id => publish(2, LOCATION, id, Buffer.alloc(4_000_000)))), { patienceMs: 1_000 }),
    ),
  'topics of 65,535 levels': () => send(asDevice(repeat(20, i => publish(2, '/'.repeat(65_535), i + 1)))),
  'a SUBSCRIBE of 30,000 filters': () =>
    send(asDevice(subscribe(1, ...Array.from({ length: 30_000 }, () => ['+', 0] as const))), { patienceMs: 1_000 }),
  '100,000 subscriptions': () =>
    send(
      asDevice(
        ...Array.from({ length: 20 }, (_, at) =>
          subscribe(
            at + 1,
            ...Array.from({ length: 5_000 }, (_, i) => [`demo/devices/attacker/commands/${at}-${i}`, 0] as const),
          ),
        ),
      ),
      { patienceMs: 1_000 },
    ),
  'an UNSUBSCRIBE of 50,000 filters': () => send(asDevice(unsubscribe(1, ...Array<string>(50_000).fill('+')))),
  'filters of wildcards alone': () =>
    send(
      asDevice(
        repeat(50, i => subscribe(i + 1, [`${'+/'.repeat(i + 1)}#`, 2])),
        subscribe(99, ['+/'.repeat(30_000).concat('#'), 2]),
      ),
    ),
  'filters of another organisation': () =>
    send(
      asDevice(
        subscribe(1, ['rival/#', 0], ['+/devices/#', 0], ['#', 0], ['rival/devices/bus-1/status', 0], ['$SYS/#', 0]),
      ),
    ),
  '65,535 QoS 2 messages that are never released': () =>
    send(asDevice(repeat(65_535, i => publish(4, LOCATION, i + 1, '{}'))), { patienceMs: 1_000 }),
  '20,000 PUBREL of nothing': () => send(asDevice(repeat(20_000, i => packet(0x62, word(i + 1)))), { patienceMs: 500 }),
  '20,000 PUBREC of nothing': () => send(asDevice(repeat(20_000, i => packet(0x50, word(i + 1)))), { patienceMs: 500 }),
  '20,000 PUBACK of nothing': () => send(asDevice(repeat(20_000, i => packet(0x40, word(i + 1)))), { patienceMs: 500 }),
  '100,000 PINGREQ whose answers nobody reads': () =>
    send(asDevice(repeat(100_000, () => packet(0xc0))), { blind: true, patienceMs: 1_000 }),
  'JSON nested 100,000 deep': () =>
    send(publishes('['.repeat(100_000), fixWith(`"attributes":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`))),
  'JSON keys named __proto__ and constructor': () =>
    send(
      publishes(
        fixWith('"__proto__":{"role":"admin"}'),
        fixWith('"attributes":{"__proto__":{"org":"rival"},"constructor":{"prototype":1}}'),
      ),
    ),
  'numbers beyond a double': () =>
    send(
      publishes(
        fixWith('"attributes":{"a":1e999}'),
        '9'.repeat(200_000),
        `{"timestamp":1e400,"location":{"lat":-1e308,"lng":1e-400}}`,
      ),
    ),
  '20,000 attributes': () =>
    send(publishes(fixWith(`"attributes":{${Array.from({ length: 20_000 }, (_, i) => `"a${i}":1`).join()}}`))),
  'a batch of 30,000 fixes': () =>
    send(asDevice(publish(2, `${LOCATION}/batch`, 1, `[${Array(30_000).fill('{}').join()}]`)), { patienceMs: 500 }),
  'a zip bomb as a payload': () => send(publishes(gzipSync(Buffer.alloc(50_000_000)))),
  'payloads that are no UTF-8': () =>
    send(publishes(noise(1_000, 3), Buffer.from([0xff, 0xfe]), Buffer.from([0xed, 0xa0, 0x80]))),
  'five thousand empty payloads': () =>
    send(asDevice(repeat(5_000, () => publish(0, LOCATION, null))), { patienceMs: 500 }),
  'forbidden topics without end': () =>
    send(asDevice(repeat(5_000, i => publish(0, `rival/devices/${i}/location`, null, fixWith('"a":1'))))),
  'renewals with tokens that are none': () =>
    send(asDevice(repeat(200, i => publish(2, '$auth/token', i + 1, 'x'.repeat(1_000))))),
  'an SOS with a message of 200 KB': () =>
    send(
      asDevice(
        publish(
          2,
          'demo/devices/attacker/sos',
          1,
          JSON.stringify({ action: 'cancel', id: '__proto__', message: 'x'.repeat(200_000) }),
        ),
      ),
    ),
  'WebSocket: text frames': () => web(socketWith(frame(0x81, 'hello'))),
  'WebSocket: a frame that declares a terabyte': () =>
    web(socketWith(Buffer.from([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]))),
  'WebSocket: 50,000 pings whose answers nobody reads': () =>
    web(socketWith(repeat(50_000, () => frame(0x89, 'x'.repeat(100)))), { blind: true, patienceMs: 500 }),
  'WebSocket: 50,000 fragments of one byte': () =>
    web(
      socketWith(
        frame(0x02, 'a'),
        repeat(50_000, () => frame(0x00, 'a')),
      ),
      { patienceMs: 500 },
    ),
  'WebSocket: 20,000 empty frames': () => web(socketWith(repeat(20_000, () => frame(0x82)))),
  'WebSocket: frames without a mask': () => web(socketWith(Buffer.from([0x82, 0x02, 0x10, 0x00]))),
  'WebSocket: reserved opcodes and bits': () => many(4, i => web(socketWith(frame([0x83, 0xc2, 0xf2, 0x8b][i]!, 'x')))),
  'WebSocket: a continuation of nothing and a ping in fragments': () =>
    many(2, i => web(socketWith(frame([0x80, 0x09][i]!, 'x')))),
  'WebSocket: other subprotocols': () =>
    Promise.all(['soap', 'MQTT', '__proto__', 'mqtt;q=1', ','].map(name => web(upgrade(name)))),
  'WebSocket: other paths and keys': () =>
    Promise.all([
      web(upgrade('mqtt', '/api/v1/devices')),
      web(upgrade('mqtt', '//mqtt')),
      web(upgrade('mqtt', '/mqtt', 'short')),
    ]),
  'WebSocket: malformed MQTT in frames': () =>
    many(20, i => web(socketWith(frame(0x82, connect({ password: token })), frame(0x82, noise(100, i))))),
  'HTTP: the preface of HTTP/2': () => web('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'),
  'HTTP: TLS on the plain port': () => web(TLS_HELLO),
  'HTTP: bytes of chance': () => many(10, i => web(noise(5_000, i))),
  'HTTP: MQTT on the HTTP port': () => web(connect({ password: token })),
  'HTTP: a length and chunks (smuggling)': () =>
    refused(
      'POST /api/v1/devices HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n',
    ),
  'HTTP: two lengths (smuggling)': () =>
    refused('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
  'HTTP: chunked twice and in disguise (smuggling)': () =>
    Promise.all(
      ['chunked, identity', 'xchunked', '\x0bchunked'].map(value =>
        refused(`POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ${value}\r\n\r\n0\r\n\r\n`),
      ),
    ),
  'HTTP: a chunk of a size that is none': () =>
    refused('POST /api/v1/devices HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n'),
  'HTTP: a header folded over lines': () => refused(get('/', 'X-A: b\r\n folded\r\n\0: x\r\n')),
  'HTTP: ten thousand headers': () =>
    web(get('/health', Array.from({ length: 10_000 }, (_, i) => `X-${i}: 1\r\n`).join(''))),
  'HTTP: a header of 1 MB': () => web(get('/health', `X-A: ${'a'.repeat(1_000_000)}\r\n`)),
  'HTTP: an address of 1 MB': () => web(get(`/${'a'.repeat(1_000_000)}`)),
  'HTTP: headers that never end': () => many(100, () => web('GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n')),
  'HTTP: a body that never comes': () =>
    many(50, () => web('POST /api/tracking/location HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n{')),
  'HTTP: a thousand requests in one write': () =>
    web(get('/health').replace('Connection: close\r\n', '').repeat(1_000), { patienceMs: 1_000 }),
  'HTTP: methods that are none': () =>
    many(4, i => web(get('/').replace('GET', ['TRACE', 'CONNECT', 'BREW', 'get'][i]!))),
  'HTTP: addresses of other hosts': () =>
    many(3, i => web(get(['http://rival.example/', '*', 'file:///etc/passwd'][i]!))),
  'HTTP: paths out of the dashboard': () =>
    noFile(
      ...[
        '/../../../../etc/passwd',
        '/..%2f..%2f..%2f..%2fetc%2fpasswd',
        '/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
        '/..%5c..%5cetc%5cpasswd',
      ],
      ...[
        '/%252e%252e%252fetc%252fpasswd',
        '/assets/../../../package.json',
        '/assets/%2e%2e/%2e%2e/package.json',
        '/etc/passwd%00.html',
      ],
      ...[
        '//etc/passwd',
        '/./.././../etc/passwd',
        '/keys/signing.pem',
        '/..%c0%af..%c0%afetc/passwd',
        '/api/docs/../../../package.json',
      ],
    ),
  'HTTP: paths with bytes that are none': () =>
    many(4, i => web(get(['/%', '/%zz', '/%ff%fe', '/api/v1/devices/%00'][i]!))),
  'HTTP: JSON nested 20,000 deep': () => refused(post('/api/tracking/location', '['.repeat(20_000))),
  'HTTP: JSON keys named __proto__ and constructor': () =>
    refused(
      post('/api/tracking/location', '{"__proto__":{"role":"admin"},"constructor":{"prototype":{"org":"rival"}}}'),
    ),
  'HTTP: a zip bomb as a body': () =>
    refused(
      post(
        '/api/tracking/location',
        gzipSync(Buffer.alloc(20_000_000)).toString('latin1'),
        'Content-Encoding: gzip\r\n',
      ),
    ),
  'HTTP: other organisations, as a device': async () => {
    for (const path of [
      '/api/v1/devices?org=rival',
      '/api/v1/devices/bus-1',
      '/api/v1/devices/bus-1/last',
      '/api/v1/devices/__proto__',
    ]) {
      await web(get(path, `Authorization: Bearer ${token}\r\n`), { patienceMs: 5_000 })
    }
  },
  'HTTP: SQL in a query': () =>
    many(3, i =>
      web(
        get(
          `/api/v1/devices?limit=${encodeURIComponent(['1;drop table devices', "1' or '1'='1", '-1'][i]!)}`,
          `Authorization: Bearer ${token}\r\n`,
        ),
      ),
    ),
}

for (const [name, attack] of Object.entries(ATTACKS)) {
  test(`${name}: the platform serves on`, async () => {
    await attack()
    process.kill(platform.pid, 0)
    await recovered()
    heard += 1
    bystander.publish('rival/devices/bus-1/status', JSON.stringify({ state: 'online', firmware: SECRET }), 1)
    await bystander.until('its PUBACK', () => bystander.of('puback').length === heard + 1)
  })
}

test('at least 50 of them', () => assert.ok(Object.keys(ATTACKS).length >= 50, `${Object.keys(ATTACKS).length}`))

test('afterwards nobody is connected who should not be, and memory is what it was', async t => {
  // What is queued of the last attack is let go first.
  let grown = Number.POSITIVE_INFINITY
  for (let i = 0; i < 10 && grown > MAY_GROW_BYTES; i += 1) {
    await new Promise(resolve => setTimeout(resolve, 1_000))
    await collectGarbage(platform)
    grown = (await residentBytes()) - residentAtStart
  }
  t.diagnostic(`${Math.round(grown / 1e6)} MB more than at the start`)
  assert.ok(grown <= MAY_GROW_BYTES, `${Math.round(grown / 1e6)} MB more`)
  const metrics = await (await fetch(`${platform.httpUrl}/metrics`)).text()
  const connections = [...metrics.matchAll(/^trackwire_mqtt_connections\{.*\} (\d+)$/gm)].map(([, count]) =>
    Number(count),
  )
  assert.equal(
    connections.reduce((sum, count) => sum + count, 0),
    1,
  )
  assert.match(metrics, /^trackwire_mqtt_protocol_errors_total\{reason="not_connected"\} [1-9]/m)
})
