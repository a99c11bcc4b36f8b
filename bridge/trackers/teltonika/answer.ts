import type { Decoded } from '../protocol.ts'
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
