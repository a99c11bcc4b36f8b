import type { ProtocolCommands } from './protocol-commands.ts'
import type { Report } from './report.ts'

/** What stands at the beginning of the bytes that a tracker sent. */
export type Cut =
  /** `bytes.subarray(start, end)` is a frame; what lies before `start` is rubbish, what lies behind `end` is cut next. */
  | { readonly kind: 'frame'; readonly start: number; readonly end: number }
  /** No whole frame yet: more has to arrive. */
  | { readonly kind: 'incomplete' }
  /** So many bytes (at least one) belong to no frame. */
  | { readonly kind: 'rubbish'; readonly length: number }

/** What a frame says. */
export interface Decoded<Memory> {
  /** What the connection remembers from here on. */
  readonly memory: Memory
  /** The IMEI or serial number, when this frame names its sender. */
  readonly identity?: string
  /** In the order of the frame; none for a login or a heartbeat. */
  readonly reports: readonly Report[]
  /** What a device answered to a command, as text. */
  readonly result?: { readonly text: string; readonly commandId?: string }
  /** The answer to a question that depends on when it was asked; sent instead of the acknowledgement. */
  readonly answer?: Buffer
  /** What is wrong with the frame, in words; its reports, if any, stand. Counted, never fatal. */
  readonly fault?: string
}

export interface DecodeContext {
  /** Milliseconds since the Unix epoch; completes dates that a frame leaves out. */
  readonly receivedAt: number
}

/**
 * A tracker protocol: pure functions over bytes, so that the same code serves a socket, a table of frames and a fuzzer.
 * No function throws or reads beyond its bytes, whatever they are; what cannot be read is a `fault`.
 */
export interface Protocol<Memory = unknown> {
  /** As in `TRACKWIRE_TRACKERS`. */
  readonly name: string
  /** As a person calls it. */
  readonly title: string
  readonly transports: readonly ('tcp' | 'udp')[]
  /** A connection that sends this much without a whole frame is closed. */
  readonly maxFrameBytes: number
  /** What a connection remembers before its first frame. */
  readonly initial: Memory
  /** Looks for the next frame. The bytes are not empty; at most `maxFrameBytes` of them are looked at. */
  cut(bytes: Buffer): Cut
  decode(frame: Buffer, memory: Memory, context: DecodeContext): Decoded<Memory>
  /** The answer that the device waits for, sent after the commit; null for none. */
  acknowledge(frame: Buffer, decoded: Decoded<Memory>): Buffer | null
  /** What its devices can be told; left out: nothing. */
  readonly commands?: ProtocolCommands<Memory>
}
