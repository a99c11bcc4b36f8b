import { connect, FLAG, packet, publish, remainingLength, subscribe, unsubscribe, word } from '../support/mqtt-bytes.ts'

/** Bytes that look wrong, but are MQTT 3.1 or 3.1.1: none of them may end the connection. */
export interface OddCase {
  readonly name: string
  /** What is connected with; a plain CONNECT of MQTT 3.1.1 when left out. */
  readonly connect?: (token: string) => Buffer
  readonly bytes?: Buffer
  /** Answers to `bytes`, as `puback 1` or `suback 1 0 128`, in any order. */
  readonly answers?: readonly string[]
  /** Return code of CONNACK; a CONNECT may be in order, but not allowed. */
  readonly connack?: number
}

const LOCATION = 'demo/devices/truck-7/location'
const STATUS = 'demo/devices/truck-7/status'
const OFFLINE = '{"state":"offline"}'
const FIX = JSON.stringify({ timestamp: 1_700_000_000_000, location: { lat: 41.15, lng: -8.61 } })
const TWO = FLAG.clean | FLAG.userName | FLAG.password

/** One character of each of the 17 planes of Unicode, U+FEFF, a replacement character, a non-character and two controls. */
const PLANES = Array.from({ length: 17 }, (_, plane) => String.fromCodePoint(plane * 0x10000 + 0x4e2d)).join('')
const ODD_TEXT: Readonly<Record<string, string>> = {
  'characters of every plane of Unicode': PLANES,
  'U+FEFF, first and last [MQTT-1.5.3-3]': '\uFEFFtruck\uFEFF',
  'the replacement character U+FFFD': 'truck\uFFFD',
  'the non-characters U+FFFF and U+10FFFF': '\uFFFF\u{10FFFF}',
  'control characters': '\u0001\u001F\u007F\u0085',
  'characters on both sides of the surrogates': '\uD7FF\uE000',
  'the last characters of one, two, three and four bytes': '\u007F\u0080\u07FF\u0800\uFFFF\u{10000}',
}

/** With its remaining length in so many bytes. */
function padded(bytes: Buffer, lengthBytes: number): Buffer {
  const headerBytes = 1 + bytes.subarray(1).findIndex(byte => byte < 0x80) + 1
  const body = bytes.subarray(headerBytes)
  return Buffer.concat([bytes.subarray(0, 1), Buffer.from(remainingLength(body.length, lengthBytes)), body])
}

const is31 = { name: 'MQIsdp', level: 3 } as const

const CONNECTS: readonly OddCase[] = [
  {
    name: 'a client id of 200 characters with MQTT 3.1',
    connect: password => connect({ ...is31, clientId: 'x'.repeat(200), password }),
  },
  {
    name: 'a client id of 23 characters with MQTT 3.1',
    connect: password => connect({ ...is31, clientId: 'x'.repeat(23), password }),
  },
  { name: 'a client id of one character', connect: password => connect({ clientId: '-', password }) },
  { name: 'a client id of 256 characters', connect: password => connect({ clientId: 'x'.repeat(256), password }) },
  {
    name: 'an empty client id with a clean session [MQTT-3.1.3-6]',
    connect: password => connect({ clientId: '', password }),
  },
  { name: 'a client id of slashes and wildcards', connect: password => connect({ clientId: '/+/#/$', password }) },
  ...Object.entries(ODD_TEXT).flatMap(([what, text]) => [
    { name: `a client id of ${what}`, connect: (password: string) => connect({ clientId: text, password }) },
    { name: `a user name of ${what}`, connect: (password: string) => connect({ userName: text, password }) },
  ]),
  { name: 'an empty user name', connect: password => connect({ userName: '', password }) },
  {
    name: 'a user name without a password',
    connect: token => connect({ flags: FLAG.clean | FLAG.userName, userName: token }),
  },
  { name: 'a user name and an empty password', connect: token => connect({ userName: token, password: '' }) },
  { name: 'no clean session', connect: password => connect({ flags: TWO & ~FLAG.clean, clientId: 'stays', password }) },
  { name: 'a keep alive of 0', connect: password => connect({ keepAlive: 0, password }) },
  { name: 'a keep alive of 65,535 s', connect: password => connect({ keepAlive: 65_535, password }) },
  ...[0, FLAG.willQos1, FLAG.willQos2].flatMap(qos =>
    [0, FLAG.willRetain].map(retain => ({
      name: `a will with QoS ${qos >> 3}${retain ? ', retained' : ''}`,
      connect: (password: string) =>
        connect({ flags: TWO | FLAG.will | qos | retain, will: { topic: STATUS, payload: OFFLINE }, password }),
    })),
  ),
  {
    name: 'a will with an empty payload, which is no status',
    connect: password => connect({ will: { topic: STATUS, payload: '' }, password }),
    connack: 5,
  },
  {
    name: 'a will to a topic of every plane of Unicode, which no channel has',
    connect: password => connect({ will: { topic: PLANES, payload: OFFLINE }, password }),
    connack: 5,
  },
  { name: 'a CONNECT without a token', connect: () => connect({ flags: FLAG.clean }), connack: 5 },
  { name: 'a CONNECT with an empty password and user name', connect: () => connect({ userName: '' }), connack: 5 },
  ...[2, 3, 4].map(bytes => ({
    name: `a CONNECT with its remaining length in ${bytes} bytes`,
    connect: (password: string) => padded(connect({ password }), bytes),
  })),
  { name: 'the level of a bridge that speaks 3.1.1', connect: password => connect({ level: 0x84, password }) },
  { name: 'the level of a bridge that speaks 3.1', connect: password => connect({ ...is31, level: 0x83, password }) },
  {
    name: 'a CONNECT of 16 KiB',
    connect: password => {
      const room = 16_384 - (connect({ userName: '', password }).length - 4)
      return connect({ userName: 'u'.repeat(room - 1), password })
    },
  },
]

const PUBLISHES: readonly OddCase[] = [
  ...[0, 1, 2].flatMap(qos =>
    [0, 1].flatMap(retain =>
      (qos === 0 ? [0] : [0, 8]).map(dup => ({
        name: `a PUBLISH with QoS ${qos}${retain ? ', retain' : ''}${dup ? ', DUP' : ''}`,
        bytes: publish(dup | (qos << 1) | retain, LOCATION, qos === 0 ? null : 7, FIX),
        answers: [[], ['puback 7'], ['pubrec 7']][qos]!,
      })),
    ),
  ),
  ...[0, 1, 2].map(qos => ({
    name: `an empty payload with QoS ${qos}`,
    bytes: publish(qos << 1, LOCATION, qos === 0 ? null : 7),
    answers: [[], ['puback 7'], ['pubrec 7']][qos]!,
  })),
  {
    name: 'a payload of every byte',
    bytes: publish(
      2,
      LOCATION,
      7,
      Uint8Array.from({ length: 256 }, (_, i) => i),
    ),
    answers: ['puback 7'],
  },
  { name: 'a payload at the limit', bytes: publish(2, LOCATION, 7, 'x'.repeat(262_144)), answers: ['puback 7'] },
  { name: 'a payload over the limit', bytes: publish(2, LOCATION, 7, 'x'.repeat(300_000)), answers: ['puback 7'] },
  { name: 'a payload of 4 MB', bytes: publish(4, LOCATION, 7, Buffer.alloc(4_000_000)), answers: ['pubrec 7'] },
  {
    name: 'the packet identifiers 1 and 65,535',
    bytes: Buffer.concat([1, 65_535].map(id => publish(2, LOCATION, id, FIX))),
    answers: ['puback 1', 'puback 65535'],
  },
  {
    name: 'the same packet identifier again',
    bytes: Buffer.concat([7, 7].map(id => publish(2, LOCATION, id, FIX))),
    answers: ['puback 7', 'puback 7'],
  },
  ...Object.entries(ODD_TEXT).map(([what, text]) => ({
    name: `a topic name of ${what}`,
    bytes: publish(2, `demo/${text}`, 7),
    answers: ['puback 7'],
  })),
  ...Object.entries({
    'a topic name of 65,535 bytes': 'x'.repeat(65_535),
    'a topic name of 65,535 empty levels': '/'.repeat(65_535),
    'the topic name /': '/',
    'a topic name with a slash first and last': '/demo/',
    'a topic name with spaces': 'demo/a b/ c',
    'a topic name of one character': 'x',
    'the topic name $SYS/broker/uptime': '$SYS/broker/uptime',
    'the topic name $': '$',
    'a topic name of __proto__ and constructor': '__proto__/constructor',
  }).map(([name, topic]) => ({ name, bytes: publish(2, topic, 7), answers: ['puback 7'] })),
  {
    name: 'a PUBLISH with its remaining length in four bytes',
    bytes: padded(publish(2, LOCATION, 7, FIX), 4),
    answers: ['puback 7'],
  },
  {
    name: 'DUP with QoS 0 and MQTT 3.1, which does not forbid it',
    connect: password => connect({ ...is31, password }),
    bytes: publish(8, LOCATION, null, FIX),
  },
]

const FENCES = 'demo/fences/+'
const SUBSCRIBES: readonly OddCase[] = [
  ...[0, 1, 2].map(qos => ({
    name: `a SUBSCRIBE with QoS ${qos}`,
    bytes: subscribe(7, [FENCES, qos]),
    answers: [`suback 7 ${qos}`],
  })),
  { name: 'the same filter twice', bytes: subscribe(7, [FENCES, 0], [FENCES, 1]), answers: ['suback 7 0 1'] },
  {
    name: 'a hundred filters in one SUBSCRIBE',
    bytes: subscribe(7, ...Array.from({ length: 100 }, (_, i) => [`demo/fences/f${i}`, 1] as const)),
    answers: [`suback 7${' 1'.repeat(100)}`],
  },
  {
    name: 'a thousand filters in one SUBSCRIBE, which are more than a connection may hold',
    bytes: subscribe(7, ...Array.from({ length: 1_000 }, (_, i) => [`demo/fences/f${i}`, 0] as const)),
    answers: [`suback 7${' 0'.repeat(100)}${' 128'.repeat(900)}`],
  },
  ...Object.entries({
    'the filter #': '#',
    'the filter +': '+',
    'the filter /': '/',
    'the filter /#': '/#',
    'the filter +/+': '+/+',
    'the filter +/#': '+/#',
    'a filter with empty levels': 'demo//+//#',
    'a filter with a slash last': 'demo/+/',
    'the filter $SYS/#': '$SYS/#',
    'a filter of MQTT 5 for shared subscriptions': '$share/group/demo/devices/+/location',
    'a filter of 65,535 bytes': 'x'.repeat(65_535),
    'a filter of 32,768 levels': '+/'.repeat(32_767).concat('#'),
    'a filter under its own topics of 101 levels': `demo/devices/truck-7${'/+'.repeat(98)}`,
    'a filter of __proto__ and constructor': '__proto__/constructor',
  }).map(([name, filter]) => ({ name, bytes: subscribe(7, [filter, 1]), answers: ['suback 7 128'] })),
  ...Object.entries(ODD_TEXT).map(([what, text]) => ({
    name: `a filter of ${what}`,
    bytes: subscribe(7, [`${text}/+/${text}/#`, 1]),
    answers: ['suback 7 128'],
  })),
  {
    name: 'a SUBSCRIBE with its remaining length in four bytes',
    bytes: padded(subscribe(7, [FENCES, 0]), 4),
    answers: ['suback 7 0'],
  },
  {
    name: 'a SUBSCRIBE that is sent again with MQTT 3.1',
    connect: password => connect({ ...is31, password }),
    bytes: Buffer.from([0x8a, ...subscribe(7, [FENCES, 1]).subarray(1)]),
    answers: ['suback 7 1'],
  },
  {
    name: 'an UNSUBSCRIBE from what is not held',
    bytes: unsubscribe(7, 'demo/x', '#', '+/+', '$SYS/#'),
    answers: ['unsuback 7'],
  },
  { name: 'an UNSUBSCRIBE from the same filter twice', bytes: unsubscribe(7, FENCES, FENCES), answers: ['unsuback 7'] },
  {
    name: 'an UNSUBSCRIBE from a filter of 32,768 levels',
    bytes: unsubscribe(7, '+/'.repeat(32_767).concat('#')),
    answers: ['unsuback 7'],
  },
  {
    name: 'an UNSUBSCRIBE from a filter of 32,768 levels in a session that stays',
    connect: password => connect({ flags: TWO & ~FLAG.clean, clientId: 'stays', password }),
    bytes: unsubscribe(7, '+/'.repeat(32_767).concat('#')),
    answers: ['unsuback 7'],
  },
  { name: 'an UNSUBSCRIBE from every plane of Unicode', bytes: unsubscribe(7, PLANES), answers: ['unsuback 7'] },
  {
    name: 'an UNSUBSCRIBE that is sent again with MQTT 3.1',
    connect: password => connect({ ...is31, password }),
    bytes: Buffer.from([0xaa, ...unsubscribe(7, FENCES).subarray(1)]),
    answers: ['unsuback 7'],
  },
]

const OTHERS: readonly OddCase[] = [
  { name: 'a PUBACK of nothing that was sent', bytes: packet(0x40, word(4_711)) },
  { name: 'a PUBREC of nothing that was sent', bytes: packet(0x50, word(4_711)), answers: ['pubrel 4711'] },
  {
    name: 'a PUBREL of nothing that was sent [MQTT-4.3.3-2]',
    bytes: packet(0x62, word(4_711)),
    answers: ['pubcomp 4711'],
  },
  { name: 'a PUBCOMP of nothing that was sent', bytes: packet(0x70, word(4_711)) },
  {
    name: 'a PUBREL that is sent again with MQTT 3.1',
    connect: password => connect({ ...is31, password }),
    bytes: packet(0x6a, word(4_711)),
    answers: ['pubcomp 4711'],
  },
  {
    name: 'ten PINGREQ at once',
    bytes: Buffer.concat(Array.from({ length: 10 }, () => packet(0xc0))),
    answers: Array<string>(10).fill('pingresp'),
  },
  {
    name: 'a PINGREQ with its remaining length in four bytes',
    bytes: Buffer.from([0xc0, 0x80, 0x80, 0x80, 0x00]),
    answers: ['pingresp'],
  },
  {
    name: 'packets of every kind in one write',
    bytes: Buffer.concat([
      ...[
        subscribe(1, [FENCES, 0]),
        publish(2, LOCATION, 2, FIX),
        publish(4, LOCATION, 3, FIX),
        publish(0, LOCATION, null, FIX),
      ],
      ...[packet(0x62, word(9)), packet(0x40, word(9)), packet(0x70, word(9)), unsubscribe(4, FENCES), packet(0xc0)],
    ]),
    answers: ['suback 1 0', 'puback 2', 'pubrec 3', 'pubcomp 9', 'unsuback 4', 'pingresp'],
  },
  {
    name: 'a payload over the limit between two others',
    bytes: Buffer.concat([1, 2, 3].map(id => publish(2, LOCATION, id, id === 2 ? 'x'.repeat(300_000) : FIX))),
    answers: ['puback 1', 'puback 2', 'puback 3'],
  },
]

export const ODD: readonly OddCase[] = [...CONNECTS, ...PUBLISHES, ...SUBSCRIBES, ...OTHERS]

/** The bytes of a case, CONNECT included. */
export function wholeOf({ connect: first, bytes }: OddCase, token: string): Buffer {
  return Buffer.concat([first?.(token) ?? connect({ password: token }), bytes ?? Buffer.alloc(0)])
}
