import { crc16Arc } from '../checksums.ts'
import type { Decoded, TrackerCommand } from '../protocol.ts'
import { datagramOf, recordCountOf } from './decode.ts'
import { dataOf, imeiOf } from './frames.ts'

const ACCEPTED = Buffer.from([1])

/** A login is answered with 01, a packet with the number of records taken as 4 bytes, a datagram with its ids and that number. */
export function acknowledgeTeltonika(frame: Buffer, decoded: Decoded<null>): Buffer | null {
  if (imeiOf(frame) !== null) return ACCEPTED
  const packet = dataOf(frame)
  if (packet !== null) {
    // Texts are answers themselves; records of a codec that is not known have not been taken.
    if (decoded.result !== undefined || decoded.reports.length === 0) return null
    const answer = Buffer.alloc(4)
    answer.writeUInt32BE(recordCountOf(packet.data))
    return answer
  }
  const datagram = datagramOf(frame)
  if (datagram === null) return null
  const answer = Buffer.alloc(7)
  answer.writeUInt16BE(5, 0)
  answer.writeUInt16BE(datagram.packetId, 2)
  answer[4] = 1
  answer[5] = datagram.avlPacketId
  answer[6] = recordCountOf(datagram.data)
  return answer
}

/** The words of the commands that the platform knows by name; `raw` sends its `text` as it is. */
function textOf({ name, args }: TrackerCommand): string | null {
  switch (name) {
    case 'raw':
      return typeof args.text === 'string' ? args.text : null
    case 'locate':
      return 'getgps'
    case 'reboot':
      return 'cpureset'
    case 'immobilise':
      return 'setdigout 1'
    case 'mobilise':
      return 'setdigout 0'
    default:
      return null
  }
}

/** A codec 12 packet: zeros, length, codec, quantity, type 5 (command), length of the text, text, quantity, CRC. */
export function encodeTeltonika(command: TrackerCommand): Buffer | null {
  const text = textOf(command)
  if (text === null) return null
  const words = Buffer.from(text, 'latin1')
  const data = Buffer.concat([Buffer.from([0x0c, 1, 5, 0, 0, 0, 0]), words, Buffer.from([1])])
  data.writeUInt32BE(words.length, 3)
  const packet = Buffer.alloc(8 + data.length + 4)
  packet.writeUInt32BE(data.length, 4)
  data.copy(packet, 8)
  packet.writeUInt32BE(crc16Arc(data), 8 + data.length)
  return packet
}
