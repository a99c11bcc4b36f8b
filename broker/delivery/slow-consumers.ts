import type { ChannelName } from '../../contract/index.ts'

/** A connection that leaves more than this unread in its socket is written no more until it has caught up. */
export const HOLD_ABOVE_BYTES = 262_144
/** What waits for it and may be lost (QoS 0, positions) is bounded by this; of a position only the newest waits. */
export const DROP_ABOVE_BYTES = 1_048_576
/** A connection for which more than this waits that it may not lose is closed; what is stored waits in its session. */
export const CLOSE_ABOVE_BYTES = 16_777_216

/** Channels of which a consumer that has fallen behind wants the newest of each device alone. */
const POSITIONS: ReadonlySet<ChannelName> = new Set(['location', 'last'])

export function isPosition(channel: ChannelName | undefined): boolean {
  return channel !== undefined && POSITIONS.has(channel)
}
