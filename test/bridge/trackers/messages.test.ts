import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FrameStream } from '../../../bridge/trackers/frame-stream.ts'
import { buildFrame } from '../../../bridge/trackers/gt06/frames.ts'
import { buildMessage } from '../../../bridge/trackers/jt808/frames.ts'
import type { Decoded } from '../../../bridge/trackers/protocol.ts'
import { PROTOCOLS } from '../../../bridge/trackers/registry.ts'

const RECEIVED_AT = Date.UTC(2026, 0, 15, 12, 30, 45)
const hex = (text: string) => Buffer.from(text, 'hex')
const text = (words: string) => Buffer.from(words, 'latin1')

function say(name: string, bytes: Buffer): { decoded: Decoded<unknown>; answer: Buffer | null } {
  const protocol = PROTOCOLS.get(name)!
  const [frame] = new FrameStream(protocol).push(bytes)
  assert.ok(frame, 'no frame')
  const decoded = protocol.decode(frame, protocol.initial, { receivedAt: RECEIVED_AT })
  return { decoded, answer: decoded.answer ?? protocol.acknowledge(frame, decoded) }
}

const PHONE = { phone: hex('013812345678'), version: null }

/** Messages without a position, and what they say: alarms, some attributes. */
const SAID: readonly (readonly [string, string, Buffer, readonly string[], Record<string, unknown>])[] = [
  ['gt06', 'heartbeat 0x23', hex('78780b23c00122040001000818720d0a'), [], { batteryVolts: 2.9, ignition: false }],
  ['gt06', 'heartbeat 0x13 with SOS in its bits', buildFrame(0x13, hex('6204040001'), 7), ['sos'], { ignition: true }],
  ['gt06', 'camera event without a place', hex('78780c95130a0209321c91000112800d0a'), ['hard-braking'], { event: 145 }],
  ['h02', 'cells with the panic bit', text('*HQ,1451316485,NBR,120154,268,6,0,1,1,2,30,150126,FFFFFFFD#'), ['sos'], {}],
  [
    'h02',
    'cells with the supply cut',
    text('*HQ,355488020930796,V3,002339,62160,01,024852,035421,148,0,02A1,0,X,010120,EFE7FBFF#'),
    ['power-cut'],
    {},
  ],
  [
    'h02',
    'the state of a watch',
    text('*HQ,1451316485,LINK,120154,22,8,64,1200,0,150126,FFFFFFFF#'),
    [],
    { batteryPercent: 64, steps: 1200 },
  ],
  [
    'tk103',
    'a low battery with Wi-Fi alone',
    text('(013612345678,DW52,268,3,1000,2000,0,150126,120154)'),
    ['low-battery'],
    {},
  ],
  ['tk103', 'the vehicle’s number', text('(013612345678BV00WVWZZZ1JZXW000001)'), [], { vin: 'WVWZZZ1JZXW000001' }],
  [
    'gps103',
    'help with cells alone',
    text('imei:359586015829802,help me,0809231429,13554900601,L,,,0ff3,,1234,,,;'),
    ['sos'],
    {},
  ],
  ['gl200', 'power off', text('+RESP:GTPFA,F50201,866425030235982,GL300M,20190208124849,0BD4$'), ['power-cut'], {}],
]

for (const [name, title, bytes, alarms, attributes] of SAID) {
  test(`${name}: ${title}`, () => {
    const { decoded } = say(name, bytes)
    const [report, ...more] = decoded.reports
    assert.deepEqual([more, report?.position, report?.alarms], [[], null, alarms])
    for (const [key, value] of Object.entries(attributes)) assert.equal(report!.attributes[key], value, key)
  })
}

test('questions are answered: the time in UTC, an address that nobody knows', () => {
  const time = say('gt06', buildFrame(0x8a, Buffer.alloc(0), 0x0102)).answer!
  assert.equal(time.toString('hex', 0, 12), '78780b8a1a010f0c1e2d0102')
  const address = say('gt06', buildFrame(0x2a, Buffer.alloc(30), 5)).answer!
  assert.deepEqual([address[3], address.toString('latin1', 9, 20)], [0x97, 'NA&&NA&&0##'])
  const terminal = say('jt808', buildMessage(0x0109, PHONE, 9, Buffer.alloc(0))).answer!
  assert.equal(terminal.toString('hex', 1, 3), '8109')
  assert.equal(terminal.toString('hex', 13, 20), '07ea010f0c1e2d')
})

test('a kind of message that nobody knows is answered where everything is, and harms nothing', () => {
  assert.equal(say('gt06', buildFrame(0xee, hex('010203'), 0x0304)).answer!.toString('hex', 0, 6), '787805ee0304')
  assert.equal(say('jt808', buildMessage(0x0f01, PHONE, 7, hex('00'))).answer!.toString('hex', 1, 3), '8001')
  for (const [name, bytes] of [
    ['h02', text('*HQ,1451316485,QQQ,1,2,3#')],
    ['tk103', text('(013612345678QQ99abc)')],
    ['wialon', text('#QQ#1;2\r\n')],
    ['meitrack', text('$$A27,861585043200862,QQQ,1*00\r\n')],
    ['gl200', text('+RESP:GTQQQ,F50201,866425030235982,GL300M,20190208124849,0BD4$')],
  ] as const) {
    const { decoded } = say(name, bytes)
    assert.ok(
      decoded.reports.every(({ position, alarms }) => position === null && alarms.length === 0),
      name,
    )
  }
})

test('a divided message of JT/T 808 before 2019 has its number in front of the body', () => {
  const location = hex('00000000000000030273b1c0008363e6005c000a005a260115203045')
  const whole = buildMessage(0x0200, PHONE, 1, Buffer.concat([hex('00010001'), location]))
  // The bit for parts, and the length without their number.
  whole.writeUInt16BE(0x2000 | location.length, 3)
  const [report] = say('jt808', whole).decoded.reports
  assert.ok(Math.abs(report!.position!.lat - 41.136576) < 1e-6, `${report!.position!.lat}`)
})
