import type { LocationUpdate } from '../../contract/index.ts'
import { crc16, type TrackerWire } from './tracker-wire.ts'

const LOGIN = 0x01
const POSITION = 0x12
const HEARTBEAT = 0x13
const ANSWER = 0x15
const ALARM = 0x16
const COMMAND = 0x80
const SOS = 0x01
const ENGLISH = 0x02
/** Country, network, area, cell: the device has only one. */
const CELL = Buffer.from('010c06045a00b231', 'hex')
/** Ignition on, activated; the alarm's bits say SOS. */
const INFORMATION = 0x42
const SOS_INFORMATION = INFORMATION | (4 << 3)
const GSM_STRENGTH = 4
const UNITS_PER_DEGREE = 1_800_000

/** The GT06 as it comes: one position in a message, type and serial number come back. */
export function createGt06Wire(): TrackerWire {
  let serial = 0
  const frame = (type: number, body: Buffer): Buffer => {
    serial = (serial % 0xffff) + 1
    const bytes = Buffer.concat([Buffer.from([0x78, 0x78, body.length + 5, type]), body, Buffer.alloc(6)])
    bytes.writeUInt16BE(serial, bytes.length - 6)
    bytes.writeUInt16BE(crc16(bytes.subarray(2, -4), 0x8408, 0xffff) ^ 0xffff, bytes.length - 4)
    bytes.writeUInt16BE(0x0d0a, bytes.length - 2)
    return bytes
  }
  return {
    maxFixes: 1,
    login: imei => frame(LOGIN, Buffer.from(imei.padStart(16, '0'), 'hex')),
    fixes: ([fix]) => frame(POSITION, Buffer.concat([positionOf(fix!), CELL])),
    sos: fix => {
      const cell = Buffer.concat([Buffer.from([CELL.length + 1]), CELL])
      const status = Buffer.from([SOS_INFORMATION, levelOf(fix), GSM_STRENGTH, SOS, ENGLISH])
      return frame(ALARM, Buffer.concat([positionOf(fix), cell, status]))
    },
    heartbeat: fix => {
      const status = Buffer.from([INFORMATION, levelOf(fix), GSM_STRENGTH, 0, ENGLISH])
      return { bytes: frame(HEARTBEAT, status), answered: true }
    },
    read(bytes) {
      if (bytes.length < 5) return null
      if (bytes.readUInt16BE(0) !== 0x7878) throw new Error('the platform does not speak GT06')
      const length = bytes[2]! + 5
      if (bytes.length < length) return null
      const type = bytes[3]!
      if (type === LOGIN) return { message: { kind: 'accepted' }, length }
      if (type !== COMMAND) return { message: { kind: 'acknowledged' }, length }
      // Its length, 4 bytes that come back, the words.
      const body = bytes.subarray(4, length - 6)
      const text = body.toString('latin1', 5, 1 + body[0]!)
      const words = Buffer.from(`${text.replace(/#$/, '')} OK!`, 'latin1')
      const reply = Buffer.concat([Buffer.from([4 + words.length]), body.subarray(1, 5), words, Buffer.from([0, 2])])
      return { message: { kind: 'command', text, reply: frame(ANSWER, reply) }, length }
    },
  }
}

/** Date, satellites, latitude, longitude, km/h, course with flags. */
function positionOf({ timestamp, location: { lat, lng, speed = 0, heading = 0 } }: LocationUpdate): Buffer {
  const at = new Date(timestamp)
  const fix = Buffer.alloc(18)
  fix.set([
    at.getUTCFullYear() - 2_000,
    at.getUTCMonth() + 1,
    at.getUTCDate(),
    at.getUTCHours(),
    at.getUTCMinutes(),
    at.getUTCSeconds(),
    0xc9,
  ])
  fix.writeUInt32BE(Math.round(Math.abs(lat) * UNITS_PER_DEGREE), 7)
  fix.writeUInt32BE(Math.round(Math.abs(lng) * UNITS_PER_DEGREE), 11)
  fix[15] = Math.min(255, Math.round(speed * 3.6))
  const north = lat >= 0 ? 0x0400 : 0
  const west = lng < 0 ? 0x0800 : 0
  fix.writeUInt16BE(0x1000 | north | west | (Math.round(heading) % 360), 16)
  return fix
}

/** The battery in six steps. */
function levelOf(fix: LocationUpdate | undefined): number {
  return Math.round(((fix?.metadata?.battery ?? 100) * 6) / 100)
}
