import type { DeviceAnswer } from './protocol-commands.ts'
import type { Report } from './report.ts'

/** Who a tracker is on the platform. */
export interface TrackerDevice {
  readonly org: string
  readonly deviceId: string
}

/** Where a tracker's bytes came from. */
export interface Origin {
  readonly protocol: string
  readonly transport: 'tcp' | 'udp'
  /** IP address and port of the peer. */
  readonly peer: string
  readonly receivedAt: number
}

/** This identity may not come this way: the connection ends, and nothing of it is kept. */
export class TrackerRefused extends Error {
  override readonly name = 'TrackerRefused'
}

/** What the listeners need of the platform. */
export interface TrackerSink {
  /** More comes than is stored: nobody is read further than what is being stored. */
  readonly isOverloaded: boolean
  /** The device of an IMEI or serial number; null for one that nobody registered. Rejects with {@link TrackerRefused}. */
  identify(identity: string, origin: Origin): Promise<TrackerDevice | null>
  /** A device that nobody knows said this. */
  unknown(identity: string, reports: readonly Report[], origin: Origin): void
  /** Resolves after the commit; rejects when nothing was stored: then nothing is acknowledged. */
  store(device: TrackerDevice, reports: readonly Report[], origin: Origin): Promise<void>
  /** The device's first connection began, or its last one ended. */
  session(device: TrackerDevice, connected: boolean, origin: Origin): void
  /** One identity is active on two connections at once. */
  clash(device: TrackerDevice, peers: readonly [string, string]): void
  /** The device just spoke, and was answered: it listens. */
  contact(device: TrackerDevice): void
  /** What it said to a command. */
  answered(device: TrackerDevice, answer: DeviceAnswer): void
}
