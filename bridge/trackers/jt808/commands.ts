import { IMMOBILISE, LOCATE, MOBILISE, REBOOT, rawOrHex, reportInterval } from '../command-types.ts'
import type { Addressee, DeviceAnswer, ProtocolCommands, TrackerCommand } from '../protocol-commands.ts'
import { rawBytes, rawText } from '../raw-command.ts'
import { type Jt808Memory, MESSAGE } from './decode.ts'
import { buildMessage, partsOf } from './frames.ts'

const SET_PARAMETERS = 0x8103
const CONTROL = 0x8105
const LOCATE_MESSAGE = 0x8201
const TEXT = 0x8300
/** Control words: 4 of the standard; the relay is Huabao's own. */
const RESET = 0x04
const CUT = 0xf0
const RESTORE = 0xf1
/** "Default time reporting interval", a DWORD of seconds. */
const INTERVAL_PARAMETER = 0x0029
/** Terminal control, vehicle control, and the fuel control of some makers, as they stand in raw bytes. */
const RELAY_MESSAGES = ['\x81\x05', '\x85\x00', '\xa0\x06']
/** 0x0001, result. */
const RESULTS = ['done', 'failed', 'the message is wrong', 'not supported'] as const

function messageOf(command: TrackerCommand): readonly [id: number, body: Buffer] | null {
  switch (command.name) {
    case 'locate':
      return [LOCATE_MESSAGE, Buffer.alloc(0)]
    case 'reboot':
      return [CONTROL, Buffer.from([RESET])]
    case 'immobilise':
      return [CONTROL, Buffer.from([CUT])]
    case 'mobilise':
      return [CONTROL, Buffer.from([RESTORE])]
    case 'report-interval': {
      const body = Buffer.alloc(10)
      body[0] = 1
      body.writeUInt32BE(INTERVAL_PARAMETER, 1)
      body[5] = 4
      body.writeUInt32BE(Number(command.args.seconds) >>> 0, 6)
      return [SET_PARAMETERS, body]
    }
    default: {
      const text = rawText(command)
      // Flag 1: urgent.
      return text === null ? null : [TEXT, Buffer.concat([Buffer.from([1]), Buffer.from(text, 'latin1')])]
    }
  }
}

function encode(command: TrackerCommand, { memory: { phone, version } }: Addressee<Jt808Memory>): Buffer | null {
  const bytes = rawBytes(command)
  if (bytes !== null) return bytes
  const message = messageOf(command)
  if (message === null || phone === null) return null
  return buildMessage(message[0], { phone, version }, command.number, message[1])
}

/** The serial number of the message comes back: with 0x0001 and a result, or with 0x0201 and a position. */
function readAnswer(frame: Buffer, _decoded: unknown, waiting: readonly TrackerCommand[]): DeviceAnswer | null {
  const parts = frame[0] === 0x7e ? partsOf(frame) : null
  if (parts === null || parts.body.length < 2) return null
  if (parts.id !== MESSAGE.terminalResponse && parts.id !== MESSAGE.locationAnswer) return null
  const serial = parts.body.readUInt16BE(0)
  const command = waiting.find(({ number }) => (number & 0xffff) === serial)
  if (command === undefined) return null
  const { id } = command
  if (parts.id === MESSAGE.locationAnswer) return { id, outcome: 'executed' }
  const result = parts.body[4] ?? 1
  return { id, outcome: result === 0 ? 'executed' : 'failed', text: RESULTS[result] ?? `result ${result}` }
}

export const jt808Commands: ProtocolCommands<Jt808Memory> = {
  types: [
    LOCATE,
    reportInterval(1, 86_400),
    REBOOT,
    IMMOBILISE,
    MOBILISE,
    rawOrHex('A text that the terminal shows or carries out (0x8300)'),
  ],
  transports: ['tcp', 'udp'],
  encode,
  stopsVehicle: text => RELAY_MESSAGES.some(id => text.includes(id)),
  isAnswered: () => true,
  readAnswer,
}
