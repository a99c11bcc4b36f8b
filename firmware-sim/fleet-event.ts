/** What happens to the devices of a fleet, as it happens. */
export type FleetEvent =
  | { readonly type: 'connected'; readonly deviceId: string; readonly again: boolean }
  | { readonly type: 'disconnected'; readonly deviceId: string; readonly reason: string; readonly refused: boolean }
  | { readonly type: 'link-cut'; readonly deviceId: string; readonly seconds: number }
  /** A batch of stored fixes was acknowledged; `left` are still stored. */
  | { readonly type: 'resent'; readonly deviceId: string; readonly fixes: number; readonly left: number }
  | { readonly type: 'refused'; readonly deviceId: string; readonly code: string; readonly message: string }
  | { readonly type: 'sos-triggered'; readonly deviceId: string; readonly sosId: string }
  | { readonly type: 'sos-cancelled'; readonly deviceId: string; readonly sosId: string }
  | { readonly type: 'notice'; readonly deviceId: string; readonly message: string }
  | { readonly type: 'track-ended'; readonly deviceId: string }

/** Sums over a fleet, or one device's share. Fixes, unless said otherwise. */
export interface Counters {
  /** Devices connected now. */
  connected: number
  /** Taken by the receivers so far. */
  taken: number
  /** Handed to the network at least once, alone or in a batch. */
  sent: number
  /** Acknowledged by PUBACK; with QoS 0, written out. */
  acknowledged: number
  /** Stored now: waiting for the link or for their batch's PUBACK. */
  buffered: number
  /** Acknowledged as part of a batch. */
  resent: number
  /** Messages the platform refused by its errors topic. */
  refused: number
  /** Lost because a buffer was full. */
  dropped: number
  /** Connections made after the first. */
  reconnects: number
  /** CONNECTs that the broker turned down. */
  connectsRefused: number
}

export function zeroCounters(): Counters {
  return {
    connected: 0,
    taken: 0,
    sent: 0,
    acknowledged: 0,
    buffered: 0,
    resent: 0,
    refused: 0,
    dropped: 0,
    reconnects: 0,
    connectsRefused: 0,
  }
}

export function sumCounters(all: Iterable<Readonly<Counters>>): Counters {
  const sum = zeroCounters()
  for (const counters of all) {
    for (const key of Object.keys(sum) as (keyof Counters)[]) sum[key] += counters[key]
  }
  return sum
}
