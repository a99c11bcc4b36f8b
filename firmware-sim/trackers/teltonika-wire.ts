import type { LocationUpdate } from '../../contract/index.ts'
import { crc16, type TrackerWire } from './tracker-wire.ts'

const CODEC_8 = 0x08
const CODEC_12 = 0x0c
const COMMAND = 5
const RESPONSE = 6
const PANIC = 2
/** AVL ids: ignition, battery in per cent, alarm. */
const IO = { ignition: 239, battery: 113, alarm: 236 } as const
const SATELLITES = 9
const PING = Buffer.from([0xff])

/** A Teltonika with codec 8: many records in a packet, their number comes back; commands in codec 12. */
export function createTeltonikaWire(): TrackerWire {
  /** A login is answered with one byte, everything later with four, or with a packet. */
  let isIn = false
  return {
    maxFixes: 50,
    login(imei) {
      isIn = false
      return Buffer.concat([Buffer.from([0, imei.length]), Buffer.from(imei)])
    },
    fixes: fixes => dataPacket(fixes.map(fix => record(fix, 0))),
    sos: fix => dataPacket([record(fix, PANIC)]),
    heartbeat: () => ({ bytes: PING, answered: false }),
    read(bytes) {
      if (bytes.length === 0) return null
      if (!isIn) {
        isIn = bytes[0] === 1
        return { message: { kind: isIn ? 'accepted' : 'refused' }, length: 1 }
      }
      if (bytes.length < 4) return null
      // A number of records is never 0: four zeros begin a packet.
      if (bytes.readUInt32BE(0) !== 0) return { message: { kind: 'acknowledged' }, length: 4 }
      if (bytes.length < 8) return null
      const length = 8 + bytes.readUInt32BE(4) + 4
      if (bytes.length < length) return null
      if (bytes[8] !== CODEC_12 || bytes[10] !== COMMAND) throw new Error('the platform sent no command in codec 12')
      const text = bytes.toString('latin1', 15, 15 + bytes.readUInt32BE(11))
      return { message: { kind: 'command', text, reply: textPacket(`${text}: OK`) }, length }
    },
  }
}

/** Time, priority, longitude, latitude, altitude, course, satellites, km/h, then elements. */
function record({ timestamp, location, metadata }: LocationUpdate, priority: 0 | typeof PANIC): Buffer {
  const { lat, lng, altitude = 0, heading = 0, speed = 0 } = location
  const head = Buffer.alloc(24)
  head.writeBigUInt64BE(BigInt(timestamp), 0)
  head[8] = priority
  head.writeInt32BE(Math.round(lng * 1e7), 9)
  head.writeInt32BE(Math.round(lat * 1e7), 13)
  head.writeInt16BE(Math.round(altitude), 17)
  head.writeUInt16BE(Math.round(heading) % 360, 19)
  head[21] = SATELLITES
  head.writeUInt16BE(Math.round(speed * 3.6), 22)
  const battery = Math.round(metadata?.battery ?? 100)
  const bytes = [[IO.ignition, 1], [IO.battery, battery], ...(priority === PANIC ? [[IO.alarm, 1]] : [])]
  const event = priority === PANIC ? IO.alarm : 0
  // None of 2, 4 and 8 bytes.
  return Buffer.concat([head, Buffer.from([event, bytes.length, bytes.length, ...bytes.flat(), 0, 0, 0])])
}

function dataPacket(records: readonly Buffer[]): Buffer {
  const count = Buffer.from([records.length])
  return packet(Buffer.concat([Buffer.from([CODEC_8]), count, ...records, count]))
}

function textPacket(text: string): Buffer {
  const words = Buffer.from(text, 'latin1')
  const data = Buffer.concat([Buffer.from([CODEC_12, 1, RESPONSE, 0, 0, 0, 0]), words, Buffer.from([1])])
  data.writeUInt32BE(words.length, 3)
  return packet(data)
}

/** Four zeros, length, data, CRC-16/ARC. */
function packet(data: Buffer): Buffer {
  const whole = Buffer.concat([Buffer.alloc(8), data, Buffer.alloc(4)])
  whole.writeUInt32BE(data.length, 4)
  whole.writeUInt32BE(crc16(data, 0xa001, 0), whole.length - 4)
  return whole
}
