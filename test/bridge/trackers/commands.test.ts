import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { buildFrame } from '../../../bridge/trackers/gt06/frames.ts'
import { buildMessage } from '../../../bridge/trackers/jt808/frames.ts'
import type { DeviceAnswer, TrackerCommand } from '../../../bridge/trackers/protocol-commands.ts'
import { PROTOCOLS } from '../../../bridge/trackers/registry.ts'
import { TrackerLink } from '../../../bridge/trackers/tracker-link.ts'
import { checkSchema } from '../../../contract/index.ts'

const PHONE = Buffer.from('013912345678', 'hex')
const RECEIVED_AT = Date.UTC(2026, 0, 15, 12)
const text = (words: string) => Buffer.from(words, 'latin1')

/** A message by which a device of the protocol says who it is, and that its commands are addressed by. */
const HELLO: Readonly<Record<string, Buffer>> = {
  gps103: text('imei:359586015829802,tracker,0809231929,13554900601,F,112909.397,A,2234.4669,N,11354.3287,E,0.11,;'),
  gt06: Buffer.from('78780d01086471700328358100093f040d0a', 'hex'),
  h02: text('*HQ,4209951296,V1,214309,A,2234.4669,N,11354.3287,E,000.00,000,151226,FFFFFBFF#'),
  jt808: buildMessage(0x0002, { phone: PHONE, version: null }, 7, Buffer.alloc(0)),
  meitrack: text('$$A28,359586015829802,E91,x*00\r\n'),
  suntech: text('ST300STT;100850000;01;010;20081017;07:41:56;00100;+37.478519;+126.886819;000.012;000.00;9;1;0;15.30'),
  'suntech universal': text(
    'STT;0100000000;3FFFFF;26;010;1;20161117;08:37:39;0000004F;450;0;0014;20;+37.479323;+126.887827',
  ),
  teltonika: Buffer.from('000f333536333037303432343431303133', 'hex'),
  tk103: text('(013612345678BP00HSO)'),
  gl200: text(
    '+RESP:GTRTL,1A0900,135790246811220,,0,0,1,1,4.3,92,70.0,121.354335,31.222073,20090214013254,0460,0000,18d8,6141,,20090214093254,11F0$',
  ),
  wialon: text('#L#353976013445485;NA\r\n'),
}

/** What a device said before, remembered as a connection does. */
function addressee(name: string) {
  const protocol = PROTOCOLS.get(name.split(' ')[0]!)!
  const frame = HELLO[name]!
  const { memory, identity = null } = protocol.decode(frame, protocol.initial, { receivedAt: RECEIVED_AT })
  return { protocol, to: { memory, identity, frame } }
}

function command(name: string, args: Record<string, unknown> = {}, number = 1): TrackerCommand {
  return { id: `c${number}`, name, args, number }
}

/** Protocol, command, arguments, the bytes: as text, or in hexadecimal behind `hex:`. */
const ENCODED: readonly [protocol: string, name: string, args: Record<string, unknown>, bytes: string | null][] = [
  ['gt06', 'immobilise', {}, 'hex:787812800c0000000152454c41592c312300017edc0d0a'],
  ['gt06', 'raw', { hex: '787805' }, 'hex:787805'],
  ['gt06', 'raw', { text: 'x'.repeat(300) }, null],
  ['gt06', 'fly', {}, null],
  // The example of the maker's document: "getinfo" and its CRC.
  ['teltonika', 'raw', { text: 'getinfo' }, 'hex:000000000000000f0c010500000007676574696e666f0100004312'],
  [
    'teltonika',
    'output',
    { number: 2, on: true },
    'hex:00000000000000140c01050000000c7365746469676f7574203f310100007db4',
  ],
  ['gps103', 'locate', {}, '**,imei:359586015829802,B;'],
  ['gps103', 'immobilise', {}, '**,imei:359586015829802,J;'],
  ['gps103', 'report-interval', { seconds: 30 }, '**,imei:359586015829802,C,30s;'],
  ['gps103', 'report-interval', { seconds: 90 }, '**,imei:359586015829802,C,02m;'],
  ['gps103', 'report-interval', { seconds: 7_200 }, '**,imei:359586015829802,C,02h;'],
  ['h02', 'immobilise', {}, '*HQ,4209951296,S20,000001,1,1#'],
  ['h02', 'mobilise', {}, '*HQ,4209951296,S20,000001,1,0#'],
  ['h02', 'report-interval', { seconds: 60 }, '*HQ,4209951296,S71,000001,22,60#'],
  ['tk103', 'locate', {}, '(013612345678AP00)'],
  ['tk103', 'immobilise', {}, '(013612345678AV010)'],
  ['tk103', 'report-interval', { seconds: 60 }, '(013612345678AR00003C0000)'],
  ['meitrack', 'immobilise', {}, '@@B33,359586015829802,C01,0,12222*E6\r\n'],
  ['meitrack', 'output', { number: 3, on: false }, '@@B33,359586015829802,C01,0,22022*E5\r\n'],
  ['meitrack', 'output', { number: 9, on: false }, null],
  ['meitrack', 'report-interval', { seconds: 60 }, '@@B29,359586015829802,A12,6,0*28\r\n'],
  ['jt808', 'locate', {}, 'hex:7e820100000139123456780001b27e'],
  ['jt808', 'immobilise', {}, 'hex:7e810500010139123456780001f0447e'],
  ['jt808', 'report-interval', { seconds: 30 }, 'hex:7e8103000a01391234567800010100000029040000001e8b7e'],
  ['suntech', 'immobilise', {}, 'ST300CMD;100850000;02;Enable1\r'],
  ['suntech', 'output', { number: 2, on: false }, 'ST300CMD;100850000;02;Disable2\r'],
  ['suntech universal', 'immobilise', {}, 'CMD;0100000000;04;01\r'],
  ['suntech universal', 'output', { number: 2, on: false }, 'CMD;0100000000;04;04\r'],
  ['gl200', 'locate', {}, 'AT+GTRTO=gl200,1,,,,,,0001$'],
  ['gl200', 'immobilise', {}, 'AT+GTOUT=gl200,1,,,0,0,0,0,0,0,0,,,,,,,0001$'],
  ['wialon', 'raw', { text: 'Call home' }, '#M#Call home\r\n'],
  ['wialon', 'locate', {}, null],
]

describe('commands as bytes', () => {
  for (const [name, kind, args, bytes] of ENCODED) {
    test(`${name}: ${kind} ${JSON.stringify(args).slice(0, 40)}`, () => {
      const { protocol, to } = addressee(name)
      const encoded = protocol.commands!.encode(command(kind, args), to)
      const isHex = bytes?.startsWith('hex:')
      assert.equal(isHex ? `hex:${encoded?.toString('hex')}` : (encoded?.toString('latin1') ?? null), bytes)
    })
  }

  test('meitrack: the example of the maker’s document', () => {
    const imei = '353358017784062'
    const to = { memory: { imei }, identity: imei, frame: Buffer.alloc(0) }
    const bytes = PROTOCOLS.get('meitrack')!.commands!.encode(command('locate', {}, 16), to)
    assert.equal(bytes?.toString('latin1'), '@@Q25,353358017784062,A10*6A\r\n')
  })

  for (const protocol of PROTOCOLS.values()) {
    test(`${protocol.name}: every command that is listed can be said, a device that has not named itself is told nothing wrong`, () => {
      const names = Object.keys(HELLO).filter(name => name.split(' ')[0] === protocol.name)
      for (const type of protocol.commands?.types ?? []) {
        const args = { seconds: 60, number: 1, on: true, text: 'STATUS#' }
        const known = new Set(Object.keys((type.args as { properties?: object }).properties ?? { text: 0 }))
        const own = Object.fromEntries(Object.entries(args).filter(([key]) => known.has(key)))
        checkSchema(type.args, own)
        for (const name of names) {
          assert.ok(protocol.commands!.encode(command(type.name, own), addressee(name).to), `${name} ${type.name}`)
        }
        const stranger = { memory: protocol.initial, identity: null, frame: Buffer.alloc(0) }
        assert.doesNotThrow(() => protocol.commands!.encode(command(type.name, own), stranger))
      }
    })
  }
})

const codec12 = (words: string, codec = 0x0c, type = 6) => {
  const data = Buffer.concat([Buffer.from([codec, 1, type, 0, 0, 0, words.length]), text(words), Buffer.from([1])])
  const frame = Buffer.concat([Buffer.alloc(8), data, Buffer.alloc(4)])
  frame.writeUInt32BE(data.length, 4)
  return frame
}
const gt06Answer = (number: number, words: string) => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(number)
  head[4] = 1
  return buildFrame(0x21, Buffer.concat([head, text(words)]), 9)
}
const gt06ShortAnswer = (number: number, words: string) => {
  const head = Buffer.alloc(5)
  head[0] = 4 + words.length
  head.writeUInt32BE(number, 1)
  return buildFrame(0x15, Buffer.concat([head, text(words)]), 9)
}
const jtResponse = (serial: number, result: number) =>
  buildMessage(0x0001, { phone: PHONE, version: null }, 8, Buffer.from([0, serial, 0x81, 0x05, result]))

/** Protocol, the commands that wait (numbered from 1), the frame, and what it says of which. */
const ANSWERS: readonly [
  protocol: string,
  waiting: readonly (readonly [string, Record<string, unknown>?])[],
  frame: Buffer,
  answer: readonly [id: string, outcome: DeviceAnswer['outcome']] | null,
][] = [
  ['gt06', [['locate'], ['immobilise']], gt06Answer(2, 'RELAY:OK'), ['c2', 'executed']],
  ['gt06', [['immobilise']], gt06ShortAnswer(1, 'DYD=Success!'), ['c1', 'executed']],
  ['gt06', [['immobilise']], gt06ShortAnswer(1, 'DYD=Speed Limit, Speed 40km/h'), ['c1', 'failed']],
  ['gt06', [['immobilise']], gt06Answer(0, 'Cut off the fuel supply: Failed!'), ['c1', 'failed']],
  ['gt06', [], gt06Answer(1, 'RELAY:OK'), null],
  ['gt06', [['locate']], HELLO.gt06!, null],
  ['teltonika', [['raw', { text: 'getinfo' }]], codec12('INI:2019/7/22 7:22 ERR:1 SR:0'), ['c1', 'executed']],
  ['teltonika', [['immobilise']], codec12('WARNING: Not executed'), ['c1', 'failed']],
  ['teltonika', [['locate'], ['immobilise']], codec12('GPS:1 Sat:7'), ['c1', 'executed']],
  ['teltonika', [['locate']], codec12('12345678', 0x0e, 0x11), ['c1', 'failed']],
  ['gps103', [['mobilise'], ['immobilise']], text('imei:359586015829802,jt,0809231929,;'), ['c2', 'executed']],
  ['gps103', [['immobilise']], HELLO.gps103!, null],
  [
    'h02',
    [['reboot'], ['immobilise']],
    text('*HQ,4209951296,V4,S20,DONE,000002,214309,A,2234.4669,N,11354.3287,E,0.00,000,151226,FFFFFBFF#'),
    ['c2', 'executed'],
  ],
  ['h02', [['immobilise']], text('*HQ,4209951296,V4,S20,ERROR,000001#'), ['c1', 'failed']],
  ['h02', [['immobilise']], HELLO.h02!, null],
  ['tk103', [['locate'], ['immobilise']], text('(013612345678BV01)'), ['c2', 'executed']],
  [
    'tk103',
    [['locate']],
    text('(013612345678BP04080612A2232.9806N11404.9355E000.1101241323.8700000000L000450AC)'),
    ['c1', 'executed'],
  ],
  ['tk103', [['locate']], text('(013612345678BP00HSO)'), null],
  ['meitrack', [['reboot'], ['immobilise']], text('$$B28,359586015829802,C01,OK*00\r\n'), ['c2', 'executed']],
  ['meitrack', [['immobilise']], text('$$B31,359586015829802,C01,Error*00\r\n'), ['c1', 'failed']],
  ['jt808', [['locate'], ['immobilise']], jtResponse(2, 0), ['c2', 'executed']],
  ['jt808', [['immobilise']], jtResponse(1, 3), ['c1', 'failed']],
  ['jt808', [['immobilise']], jtResponse(9, 0), null],
  ['suntech', [['immobilise']], text('ST300CMD;Res;100850000;010;Enable1'), ['c1', 'executed']],
  ['suntech universal', [['immobilise']], text('RES;0100000000;04;01;OK'), ['c1', 'executed']],
  [
    'gl200',
    [['immobilise'], ['locate']],
    text('+ACK:GTRTO,1A0900,135790246811220,,RTL,0002,20090101000000,11F0$'),
    ['c2', 'executed'],
  ],
  [
    'gl200',
    [['raw', { text: 'AT+GTRTO=gl200,1,,,,,,FFFF$' }]],
    text('+ACK:GTRTO,1A0900,135790246811220,,RTL,FFFF,20090101000000,11F0$'),
    ['c1', 'executed'],
  ],
  ['gl200', [['immobilise']], text('+ACK:GTHBD,1A0401,135790246811220,,20100214093254,11F0$'), null],
  ['wialon', [['raw', { text: 'hi' }]], text('#AM#1\r\n'), ['c1', 'delivered']],
  ['wialon', [['raw', { text: 'hi' }]], text('#M#I am on my way\r\n'), ['c1', 'executed']],
]

describe('answers of devices', () => {
  for (const [name, waiting, frame, expected] of ANSWERS) {
    test(`${name}: ${frame
      .toString('latin1')
      .replaceAll(/[^\x20-\x7e]/g, '.')
      .slice(0, 60)}`, () => {
      const { protocol, to } = addressee(name)
      const commands = waiting.map(([kind, args], i) => command(kind, args, i + 1))
      const decoded = protocol.decode(frame, to.memory, { receivedAt: RECEIVED_AT })
      const answer = protocol.commands!.readAnswer(frame, decoded, commands)
      assert.deepEqual(answer === null ? null : [answer.id, answer.outcome], expected)
    })
  }
})

for (const { name, commands, decode, initial } of PROTOCOLS.values()) {
  if (commands === undefined) continue
  test(`${name}: answers are read without a fault, whatever the bytes`, () => {
    const samples = ANSWERS.flatMap(([protocol, , frame]) => (protocol.split(' ')[0] === name ? [frame] : []))
    const waiting = commands.types.map((type, i) => command(type.name, { text: 'AP00', seconds: 5, number: 1 }, i + 1))
    const broken = fc
      .tuple(fc.constantFrom(...samples), fc.nat(60), fc.uint8Array({ maxLength: 6 }), fc.nat(6))
      .map(([frame, at, put, cut]) => Buffer.concat([frame.subarray(0, at), put, frame.subarray(at + cut)]))
    const anyBytes = fc.oneof(
      broken,
      fc.uint8Array({ minLength: 1, maxLength: 80 }).map(bytes => Buffer.from(bytes)),
    )
    fc.assert(
      fc.property(anyBytes, bytes => {
        const decoded = decode(bytes, initial, { receivedAt: RECEIVED_AT })
        const answer = commands.readAnswer(bytes, decoded, waiting)
        assert.ok(answer === null || waiting.some(({ id }) => id === answer.id))
      }),
      { numRuns: 500 },
    )
  })
}

const RAW_THAT_STOPS: Readonly<Record<string, string | null>> = {
  gl200: 'AT+GTOUT=gl200,1,,,0,0,0,0,0,0,0,,,,,,,FFFF$',
  gps103: '**,imei:359586015829802,J',
  gt06: 'relay,1#',
  h02: '*HQ,4209951296,S20,130305,1,1#',
  jt808: '\x7e\x81\x05\x00\x01',
  meitrack: 'C01,0,12222',
  suntech: 'ST300CMD;100850000;02;Enable1',
  teltonika: 'setdigout 1',
  tk103: '(013612345678AV010)',
  wialon: null,
}

for (const { name, commands } of PROTOCOLS.values()) {
  if (commands === undefined) continue
  test(`${name}: what its own encoder writes to stop a vehicle is known as that in a raw command`, () => {
    const known = RAW_THAT_STOPS[name]
    if (known != null) assert.ok(commands.stopsVehicle(known), known)
    for (const hello of Object.keys(HELLO).filter(each => each.split(' ')[0] === name)) {
      for (const kind of ['immobilise', 'output']) {
        const bytes = commands.encode(command(kind, { number: 1, on: true }), addressee(hello).to)
        if (bytes !== null) assert.ok(commands.stopsVehicle(bytes.toString('latin1')), bytes.toString('latin1'))
      }
    }
    assert.ok(!commands.stopsVehicle('STATUS#'))
  })
}

describe('commands over one connection', () => {
  function link(name: string) {
    const { protocol, to } = addressee(name)
    let nowMs = RECEIVED_AT
    const connection = {
      protocol,
      now: () => nowMs,
      addressee: () => to,
      send: () => {},
    }
    const made = new TrackerLink('t-1', connection, protocol.commands!)
    const hear = (frame: Buffer) =>
      made
        .heard(frame, protocol.decode(frame, to.memory, { receivedAt: nowMs }), nowMs)
        .map(({ id, outcome }) => [id, outcome])
    const send = (commandId: string, kind: string) =>
      made.prepare({ org: 'demo', deviceId: 'd', commandId, name: kind, args: {}, expiresAt: nowMs + 1_000 })!()
    const wait = (ms: number) => {
      nowMs += ms
    }
    return { made, hear, send, wait }
  }

  test('a connection that was not heard of lately is not trusted with a command', () => {
    const { made, hear, wait } = link('teltonika')
    assert.ok(!made.isFree)
    hear(HELLO.teltonika!)
    assert.ok(made.isFree)
    wait(121_000)
    assert.ok(!made.isFree)
    hear(HELLO.teltonika!)
    assert.ok(made.isFree)
  })

  test('the next command waits for the answer, but not for ever; a late answer is not taken for its own', () => {
    const { made, hear, send, wait } = link('teltonika')
    hear(HELLO.teltonika!)
    send('first', 'locate')
    assert.ok(!made.isFree)
    assert.deepEqual(hear(codec12('GPS:1')), [['first', 'executed']])
    assert.ok(made.isFree)
    send('second', 'reboot')
    wait(61_000)
    assert.ok(made.isFree)
    send('third', 'locate')
    assert.deepEqual(hear(codec12('GPS:1')), [['third', 'executed']])
    assert.deepEqual(hear(codec12('GPS:1')), [])
  })

  test('what a device never answers is delivered when it goes on talking', () => {
    const { hear, send, wait } = link('gps103')
    hear(HELLO.gps103!)
    send('where', 'locate')
    wait(5)
    assert.deepEqual(hear(HELLO.gps103!), [['where', 'delivered']])
    assert.deepEqual(hear(HELLO.gps103!), [])
  })

  test('a message that has arrived may still be answered', () => {
    const { protocol, to } = addressee('wialon')
    const made = new TrackerLink(
      't-2',
      { protocol, now: () => 0, addressee: () => to, send: () => {} },
      protocol.commands!,
    )
    made.prepare({ org: 'o', deviceId: 'd', commandId: 'm', name: 'raw', args: { text: 'hi' }, expiresAt: 1 })!()
    const hear = (frame: Buffer) => made.heard(frame, protocol.decode(frame, to.memory, { receivedAt: 1 }), 1)
    assert.deepEqual(hear(text('#AM#1\r\n')), [{ id: 'm', outcome: 'delivered' }])
    assert.deepEqual(hear(text('#M#ok\r\n')), [{ id: 'm', outcome: 'executed', text: 'ok' }])
  })
})
