import type { Decoded } from '../protocol.ts'
import { buildFrame, partsOf } from './frames.ts'

const TIME_REQUEST = 0x8a
/** These are answers themselves, or news that nobody waits to hear about. */
const UNANSWERED = new Set([0x15, 0x21, 0x94])

/** The type and the serial number come back. */
export function acknowledgeGt06(frame: Buffer, _decoded: Decoded<null>): Buffer | null {
  const parts = partsOf(frame)
  if (parts === null || UNANSWERED.has(parts.type)) return null
  if (parts.type === TIME_REQUEST) return null
  return buildFrame(parts.type, Buffer.alloc(0), parts.serial)
}
