import {
  connect,
  FLAG,
  field,
  packet,
  publish,
  remainingLength,
  subscribe,
  unsubscribe,
  word,
} from '../support/mqtt-bytes.ts'

/** Bytes that MQTT does not allow, and what has to become of the connection. */
export interface MalformedCase {
  readonly name: string
  /** Sent first of all, or behind a CONNECT of MQTT 3.1.1 that was accepted. */
  readonly when: 'first' | 'connected'
  readonly bytes: (token: string) => Buffer
  /** `closed` = without a word more; a number = with that CONNACK return code. */
  readonly expect: 'closed' | number
}

type Rows = readonly (readonly [
  name: string,
  bytes: Buffer | ((token: string) => Buffer),
  expect?: 'closed' | number,
])[]

const cases = (when: MalformedCase['when'], rows: Rows): MalformedCase[] =>
  rows.map(([name, bytes, expect = 'closed']) => ({
    name,
    when,
    bytes: typeof bytes === 'function' ? bytes : () => bytes,
    expect,
  }))

const TOPIC = 'demo/devices/truck-7/location'
const STATUS = 'demo/devices/truck-7/status'
const OFFLINE = '{"state":"offline"}'
const WILL = { topic: STATUS, payload: OFFLINE }

const TYPES = [
  'the reserved type 0',
  'CONNECT',
  'CONNACK',
  'PUBLISH',
  'PUBACK',
  'PUBREC',
  'PUBREL',
  'PUBCOMP',
  'SUBSCRIBE',
  'SUBACK',
  'UNSUBSCRIBE',
  'UNSUBACK',
  'PINGREQ',
  'PINGRESP',
  'DISCONNECT',
  'the reserved type 15',
]
/** A packet of each type that would be in order from the side that sends it. */
const IN_ORDER: Readonly<Record<number, Buffer>> = {
  0: packet(0x00),
  2: packet(0x20, [0, 0]),
  3: publish(0, TOPIC, null),
  4: packet(0x40, word(1)),
  5: packet(0x50, word(1)),
  6: packet(0x62, word(1)),
  7: packet(0x70, word(1)),
  8: subscribe(1, ['demo/fences/+', 0]),
  9: packet(0x90, word(1), [0]),
  10: unsubscribe(1, 'demo/fences/+'),
  11: packet(0xb0, word(1)),
  12: packet(0xc0),
  13: packet(0xd0),
  14: packet(0xe0),
  15: packet(0xf0),
}

const FIRST_PACKET = cases(
  'first',
  Object.entries(IN_ORDER).map(([type, bytes]) => [`${TYPES[Number(type)]} before CONNECT [MQTT-3.1.0-1]`, bytes]),
)

const PACKET_TYPES = cases(
  'connected',
  [0, 2, 9, 11, 13, 15].map(type => [`${TYPES[type]} from a client (§2.2.1)`, IN_ORDER[type]!]),
)

const hex = (byte: number) => `0x${byte.toString(16).padStart(2, '0')}`

const HEADER_FLAGS = [
  ...cases(
    'first',
    [0x11, 0x12, 0x14, 0x18].map(first => [
      `CONNECT with the first byte ${hex(first)} [MQTT-2.2.2-2]`,
      token => connect({ first, password: token }),
    ]),
  ),
  ...cases(
    'connected',
    [
      ...[0x41, 0x42, 0x44, 0x48, 0x51, 0x52, 0x71, 0x72, 0xc1, 0xc2, 0xc8, 0xe1, 0xe2, 0xe8],
      ...[0x60, 0x61, 0x63, 0x66, 0x6a, 0x80, 0x81, 0x83, 0x86, 0x8a, 0xa0, 0xa1, 0xa3, 0xa6, 0xaa],
    ].map(first => [
      `${TYPES[first >> 4]} with the first byte ${hex(first)} ${
        { 96: '[MQTT-3.6.1-1]', 128: '[MQTT-3.8.1-1]', 160: '[MQTT-3.10.1-1]' }[first & 0xf0] ?? '[MQTT-2.2.2-2]'
      }`,
      Buffer.from([first, ...IN_ORDER[first >> 4]!.subarray(1)]),
    ]),
  ),
]

const LENGTHS = [
  ...cases('first', [
    ['a CONNECT with a remaining length of 5 bytes (§2.2.3)', Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ['a CONNECT with a remaining length whose fourth byte goes on', Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80])],
    ['a CONNECT over 16 KiB', Buffer.from([0x10, ...remainingLength(16_385)])],
    ['a CONNECT that declares 256 MB', Buffer.from([0x10, ...remainingLength(268_435_455)])],
  ]),
  ...cases('connected', [
    ['a PUBLISH with a remaining length of 5 bytes (§2.2.3)', Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ['a PINGREQ with a remaining length of 5 bytes, padded', Buffer.from([0xc0, 0x80, 0x80, 0x80, 0x80, 0x00])],
    ['a PUBLISH that declares 256 MB', Buffer.from([0x30, ...remainingLength(268_435_455)])],
    ['a PUBLISH that declares over 4 MiB', Buffer.from([0x30, ...remainingLength(4_194_305)])],
    ['a SUBSCRIBE over the limit', Buffer.from([0x82, ...remainingLength(300_000)])],
    ['an UNSUBSCRIBE over the limit', Buffer.from([0xa2, ...remainingLength(300_000)])],
    ['a PINGREQ of one byte', packet(0xc0, [0])],
    ['a DISCONNECT of one byte', packet(0xe0, [0])],
    ...([0x40, 0x50, 0x62, 0x70] as const).flatMap(
      first =>
        [
          [`a ${TYPES[first >> 4]} without a packet identifier`, packet(first)],
          [`a ${TYPES[first >> 4]} with half a packet identifier`, packet(first, [1])],
          [`a ${TYPES[first >> 4]} of three bytes`, packet(first, [0, 1, 0])],
        ] as const,
    ),
    ['a SUBSCRIBE of nothing', packet(0x82)],
    ['a SUBSCRIBE with half a packet identifier', packet(0x82, [1])],
    ['a SUBSCRIBE with half a filter length', packet(0x82, word(1), [0])],
    ['a SUBSCRIBE whose filter goes beyond the packet', packet(0x82, word(1), [0, 9, 0x61, 0])],
    ['a SUBSCRIBE that ends in front of the requested QoS', packet(0x82, word(1), field('demo/fences/+'))],
    ['a SUBSCRIBE with one byte behind its last filter', packet(0x82, word(1), field('demo/fences/+'), [0, 0])],
    ['an UNSUBSCRIBE of nothing', packet(0xa2)],
    ['an UNSUBSCRIBE with half a packet identifier', packet(0xa2, [1])],
    ['an UNSUBSCRIBE whose filter goes beyond the packet', packet(0xa2, word(1), [0, 9, 0x61])],
    ['an UNSUBSCRIBE with one byte behind its last filter', packet(0xa2, word(1), field('demo/fences/+'), [0])],
    ['a PUBLISH of nothing', packet(0x30)],
    ['a PUBLISH with half a topic length', packet(0x30, [0])],
    ['a PUBLISH whose topic goes beyond the packet', packet(0x30, [0, 9, 0x61])],
    ['a QoS 1 PUBLISH that ends behind its topic', packet(0x32, field(TOPIC))],
    ['a QoS 2 PUBLISH with half a packet identifier', packet(0x34, field(TOPIC), [0])],
  ]),
]

const PROTOCOL = cases('first', [
  ['a CONNECT of nothing', packet(0x10)],
  ['a CONNECT with half a protocol name', packet(0x10, [0, 4, 0x4d, 0x51])],
  ...(['MQTX', 'mqtt', 'MQTTT', 'MQT', '', 'MQIsdq', 'HTTP', 'hj', 'mqisdp', 'AMQP'] as const).map(
    name =>
      [`the protocol name "${name}" [MQTT-3.1.2-1]`, (token: string) => connect({ name, password: token })] as const,
  ),
  ...[0, 1, 2, 3, 6, 7, 127, 0x81, 0xff].map(
    level =>
      [`MQTT at level ${level} [MQTT-3.1.2-2]`, (token: string) => connect({ level, password: token }), 1] as const,
  ),
  ...[0, 2, 4, 5, 0x84].map(
    level =>
      [
        `MQIsdp at level ${level} [MQTT-3.1.2-2]`,
        (token: string) => connect({ name: 'MQIsdp', level, password: token }),
        1,
      ] as const,
  ),
  ['another level with a layout of its own', packet(0x10, field('MQTT'), [9], Buffer.alloc(40, 0xff)), 1],
  ['another level and nothing behind it', packet(0x10, field('MQTT'), [9]), 1],
])

const HEAD = (flags: number) => Buffer.from([...field('MQTT'), 4, flags, 0, 0])
const TWO = FLAG.clean | FLAG.userName | FLAG.password

const CONNECT_FIELDS = cases('first', [
  ['a CONNECT that ends behind its protocol name', packet(0x10, field('MQTT'))],
  ['a CONNECT that ends behind its level', packet(0x10, field('MQTT'), [4])],
  ['a CONNECT that ends behind its flags', packet(0x10, field('MQTT'), [4, TWO])],
  ['a CONNECT with half a keep alive', packet(0x10, field('MQTT'), [4, TWO, 0])],
  ['a CONNECT without a client id', packet(0x10, HEAD(FLAG.clean))],
  ['a CONNECT whose client id goes beyond the packet', packet(0x10, HEAD(FLAG.clean), [0, 9, 0x61])],
  ['a will flag, but no will [MQTT-3.1.2-9]', packet(0x10, HEAD(FLAG.clean | FLAG.will), field('raw'))],
  ['a will topic that goes beyond the packet', packet(0x10, HEAD(FLAG.clean | FLAG.will), field('raw'), [0, 9, 0x61])],
  ['a will topic, but no will payload', packet(0x10, HEAD(FLAG.clean | FLAG.will), field('raw'), field(STATUS))],
  [
    'a will payload that goes beyond the packet',
    packet(0x10, HEAD(FLAG.clean | FLAG.will), field('raw'), field(STATUS), [0, 9, 0x61]),
  ],
  ['a user name flag, but no user name [MQTT-3.1.2-19]', packet(0x10, HEAD(FLAG.clean | FLAG.userName), field('raw'))],
  [
    'a user name that goes beyond the packet',
    packet(0x10, HEAD(FLAG.clean | FLAG.userName), field('raw'), [0, 9, 0x61]),
  ],
  ['a password flag, but no password [MQTT-3.1.2-21]', packet(0x10, HEAD(TWO), field('raw'), field('any'))],
  ['a password that goes beyond the packet', packet(0x10, HEAD(TWO), field('raw'), field('any'), [0x40, 0, 0x61])],
  ['one byte behind the password', token => connect({ password: token, more: [0] })],
  ['a second client id behind the password', token => connect({ password: token, more: field('raw') })],
  [
    'a user name without its flag [MQTT-3.1.2-18]',
    token => connect({ flags: FLAG.clean, more: Buffer.concat([field('any'), field(token)]) }),
  ],
  [
    'a password without its flag [MQTT-3.1.2-20]',
    token => connect({ flags: FLAG.clean | FLAG.userName, userName: token, more: field(token) }),
  ],
  ['a will without its flag', token => connect({ will: WILL, flags: TWO, password: token })],
  ['the reserved flag of CONNECT [MQTT-3.1.2-3]', token => connect({ flags: TWO | FLAG.reserved, password: token })],
  [
    'a will with QoS 3 [MQTT-3.1.2-14]',
    token => connect({ will: WILL, flags: TWO | FLAG.will | FLAG.willQos3, password: token }),
  ],
  ...([FLAG.willQos1, FLAG.willQos2, FLAG.willQos3] as const).map(
    (qos, i) =>
      [
        `a will QoS of ${i + 1} without a will [MQTT-3.1.2-13]`,
        (token: string) => connect({ flags: TWO | qos, password: token }),
      ] as const,
  ),
  [
    'a retained will without a will [MQTT-3.1.2-15]',
    token => connect({ flags: TWO | FLAG.willRetain, password: token }),
  ],
  [
    'a password without a user name [MQTT-3.1.2-22]',
    token => connect({ flags: FLAG.clean | FLAG.password, password: token }),
  ],
  [
    'an empty client id without a clean session [MQTT-3.1.3-8]',
    token => connect({ clientId: '', flags: TWO & ~FLAG.clean, password: token }),
    2,
  ],
  ['an empty client id of MQTT 3.1', token => connect({ name: 'MQIsdp', level: 3, clientId: '', password: token }), 2],
  ['a client id of 257 characters', token => connect({ clientId: 'x'.repeat(257), password: token }), 2],
])

/** Bytes that are no UTF-8, RFC 3629 §3 and §4, or hold U+0000. */
const BAD_TEXT: Readonly<Record<string, readonly number[]>> = {
  'a continuation byte alone': [0x80],
  'a lead byte with an ASCII character behind it': [0xc3, 0x28],
  'two bytes, overlong': [0xc1, 0xbf],
  'U+0000 in two bytes': [0xc0, 0x80],
  'three bytes, overlong': [0xe0, 0x9f, 0xbf],
  'the first surrogate': [0xed, 0xa0, 0x80],
  'the last surrogate': [0xed, 0xbf, 0xbf],
  'a pair of surrogates': [0xed, 0xa1, 0x8c, 0xed, 0xbe, 0xb4],
  'four bytes, overlong': [0xf0, 0x8f, 0xbf, 0xbf],
  'a character above U+10FFFF': [0xf4, 0x90, 0x80, 0x80],
  'a lead byte of five': [0xf8, 0x88, 0x80, 0x80, 0x80],
  'the byte 0xFE': [0xfe],
  'the byte 0xFF': [0xff],
  'a continuation byte too many': [0xc3, 0xa9, 0xa9],
  'U+0000': [0x00],
}
/** Those are only wrong where the string ends. */
const CUT_TEXT: Readonly<Record<string, readonly number[]>> = {
  'the first of two bytes': [0xc3],
  'two of three bytes': [0xe2, 0x82],
  'three of four bytes': [0xf0, 0x9f, 0x98],
}

const around = (bytes: readonly number[]) => Buffer.from([...Buffer.from('demo/a'), ...bytes, ...Buffer.from('b')])
const behind = (bytes: readonly number[]) => Buffer.from([...Buffer.from('demo/a'), ...bytes])
const FEW = ['U+0000', 'the first surrogate', 'two bytes, overlong', 'the byte 0xFF']
const clauseOf = (what: string) => (what === 'U+0000' ? '[MQTT-1.5.3-2]' : '[MQTT-1.5.3-1]')

const TEXT = [
  ...cases('connected', [
    ...Object.entries(BAD_TEXT).map(
      ([what, bytes]) => [`${what} in a topic name ${clauseOf(what)}`, publish(0, around(bytes), null)] as const,
    ),
    ...Object.entries(CUT_TEXT).map(
      ([what, bytes]) => [`${what} at the end of a topic name [MQTT-1.5.3-1]`, publish(2, behind(bytes), 1)] as const,
    ),
    ...FEW.map(what => [`${what} in a filter ${clauseOf(what)}`, subscribe(1, [around(BAD_TEXT[what]!), 0])] as const),
    ...FEW.map(
      what =>
        [`${what} in a filter to unsubscribe ${clauseOf(what)}`, unsubscribe(1, around(BAD_TEXT[what]!))] as const,
    ),
    ...Object.entries(CUT_TEXT).map(
      ([what, bytes]) => [`${what} at the end of a filter [MQTT-1.5.3-1]`, subscribe(1, [behind(bytes), 0])] as const,
    ),
  ]),
  ...cases(
    'first',
    FEW.flatMap(what => {
      const bytes = around(BAD_TEXT[what]!)
      return [
        [`${what} in a client id [MQTT-3.1.3-4]`, token => connect({ clientId: bytes, password: token })],
        [`${what} in a user name [MQTT-3.1.3-11]`, token => connect({ userName: bytes, password: token })],
        [
          `${what} in a will topic [MQTT-3.1.3-10]`,
          token => connect({ will: { topic: bytes, payload: OFFLINE }, password: token }),
        ],
      ] satisfies Rows
    }),
  ),
]

const TOPICS = [
  ...cases(
    'connected',
    ['#', '+', 'demo/#', 'demo/+/truck-7/location', 'demo/devices/truck+', 'demo/dev#ces', ''].map(topic => [
      `a PUBLISH to "${topic}" ${topic === '' ? '[MQTT-4.7.3-1]' : '[MQTT-3.3.2-2]'}`,
      publish(2, topic, 1),
    ]),
  ),
  ...cases(
    'first',
    ['#', 'demo/devices/+/status', ''].map(topic => [
      `a will to "${topic}"`,
      token => connect({ will: { topic, payload: OFFLINE }, password: token }),
    ]),
  ),
]

const BAD_FILTERS = [
  ...['', 'demo#', '#/demo', 'demo/#/location', 'demo/#more', '##', '#/', 'demo/##'],
  ...['demo+', '+demo', 'demo/+more', '++', '+#', '#+', 'demo/+#', 'demo/more+/x'],
]
const FILTERS = cases('connected', [
  ...BAD_FILTERS.map(
    filter => [`a SUBSCRIBE to "${filter}" [MQTT-4.7.1-2], [MQTT-4.7.1-3]`, subscribe(1, [filter, 0])] as const,
  ),
  ...BAD_FILTERS.slice(0, 12).map(filter => [`an UNSUBSCRIBE from "${filter}"`, unsubscribe(1, filter)] as const),
  ['a bad filter behind a good one', subscribe(1, ['demo/fences/+', 0], ['demo#', 0])],
  ['a bad filter to unsubscribe behind a good one', unsubscribe(1, 'demo/fences/+', 'demo#')],
])

const REST = cases('connected', [
  ['a second CONNECT [MQTT-3.1.0-2]', token => connect({ password: token })],
  ['a second CONNECT of MQTT 3.1 [MQTT-3.1.0-2]', token => connect({ name: 'MQIsdp', level: 3, password: token })],
  ...[0x06, 0x07, 0x0e, 0x0f].map(
    flags => [`a PUBLISH with QoS 3, flags ${hex(flags)} [MQTT-3.3.1-4]`, publish(flags, TOPIC, 1)] as const,
  ),
  ['DUP with QoS 0 [MQTT-3.3.1-2]', publish(0x08, TOPIC, null)],
  ['DUP and retain with QoS 0 [MQTT-3.3.1-2]', publish(0x09, TOPIC, null)],
  ['a QoS 1 PUBLISH with packet identifier 0 [MQTT-2.3.1-1]', publish(0x02, TOPIC, 0)],
  ['a QoS 2 PUBLISH with packet identifier 0 [MQTT-2.3.1-1]', publish(0x04, TOPIC, 0)],
  ['a SUBSCRIBE with packet identifier 0 [MQTT-2.3.1-1]', subscribe(0, ['demo/fences/+', 0])],
  ['an UNSUBSCRIBE with packet identifier 0 [MQTT-2.3.1-1]', unsubscribe(0, 'demo/fences/+')],
  ...([0x40, 0x50, 0x62, 0x70] as const).map(
    first => [`a ${TYPES[first >> 4]} with packet identifier 0`, packet(first, word(0))] as const,
  ),
  ...[3, 4, 0x0c, 0x40, 0x80, 0x81, 0xff].map(
    qos => [`a SUBSCRIBE that asks for QoS ${hex(qos)} [MQTT-3-8.3-4]`, subscribe(1, ['demo/fences/+', qos])] as const,
  ),
  ['a SUBSCRIBE whose second filter asks for QoS 3', subscribe(1, ['demo/fences/+', 0], ['demo/fences/a', 3])],
  ['a SUBSCRIBE without a filter [MQTT-3.8.3-3]', packet(0x82, word(1))],
  ['an UNSUBSCRIBE without a filter [MQTT-3.10.3-2]', packet(0xa2, word(1))],
])

export const MALFORMED: readonly MalformedCase[] = [
  ...FIRST_PACKET,
  ...PACKET_TYPES,
  ...HEADER_FLAGS,
  ...LENGTHS,
  ...PROTOCOL,
  ...CONNECT_FIELDS,
  ...TEXT,
  ...TOPICS,
  ...FILTERS,
  ...REST,
]
