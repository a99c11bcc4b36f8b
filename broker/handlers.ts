import type {
  ChannelName,
  ErrorNotice,
  OwnTracksContent,
  PayloadOf,
  Principal,
  TopicParams,
} from '../contract/index.ts'
import type { CommandAddress, DeviceAddress } from './command-lane.ts'
import type { DeviceSession } from './device-status.ts'
import type { IdentityClash } from './identity-clash.ts'

/** A message that passed rights and schema, on its way to whoever does the work. */
export interface Inbound<Name extends ChannelName> {
  readonly topic: string
  readonly params: TopicParams
  readonly payload: PayloadOf<Name>
  readonly principal: Principal
  readonly receivedAt: number
  /** Where the sender's connection comes from; undefined for a will that outlived its process. */
  readonly address?: string | undefined
  /** Of the payload as it came. */
  readonly bytes: number
}

/** What a phone with OwnTracks says of itself beside where it is; its sender may send for the device. */
export interface PhoneSaying {
  readonly org: string
  readonly deviceId: string
  readonly content: OwnTracksContent
  readonly principal: Principal
  readonly receivedAt: number
  readonly address?: string | undefined
}

/** What is said of parts of a message that were refused or set aside. */
export type Refusal = Pick<ErrorNotice, 'code' | 'message' | 'index'>

/**
 * What became of a fix. Nothing to say: it is stored. `swallow`: acknowledged, and goes no further as it came: it was stored before, or is
 * passed on with another time. An error: a TrackwireError, as handlers reject with.
 */
export type Said = readonly Refusal[] | 'swallow' | Error

/** Resolves when what it does is committed: only then is a QoS 1 message acknowledged. Rejects with a TrackwireError. */
export type Handler<Name extends ChannelName, Outcome = readonly Refusal[]> = (
  message: Inbound<Name>,
) => Promise<Outcome>

/** The work behind the channels that clients publish to; the rest the broker does itself. */
export interface Handlers {
  /**
   * Of every fix whose sender waits, so by a call and not by a promise. Throws a TrackwireError for what is refused at once.
   * @param answer called once, when it is committed
   */
  readonly location: (message: Inbound<'location'>, answer: (said: Said) => void) => void
  /**
   * Takes a fix of QoS 0, for which nobody waits, and says at once whether it goes on to subscribers; undefined: it is one to wait for, and goes
   * the way of `location`. Throws a TrackwireError for what is refused at once.
   * @param tell called with what is to be said of it later, if anything
   */
  readonly unawaitedLocation: (
    message: Inbound<'location'>,
    tell: (said: Said) => void,
  ) => 'forward' | 'swallow' | undefined
  readonly locationBatch: Handler<'locationBatch'>
  readonly sos: Handler<'sos'>
  readonly sosAnswer: Handler<'sosAnswer'>
  readonly command: Handler<'command'>
  readonly commandResult: Handler<'commandResult'>
  /** A device began to listen to its commands; nothing waits for it. */
  readonly commandsAwaited?: (device: DeviceAddress) => void
  /** A device acknowledged a command (PUBACK); nothing waits for it. */
  readonly commandDelivered?: (command: CommandAddress) => void
  /** Keeps waypoints and cards; left out, they are acknowledged, and no more. */
  readonly phone?: (saying: PhoneSaying) => Promise<readonly Refusal[]>
  /** Told of the sessions of devices; nothing waits for it. */
  readonly deviceSession?: (session: DeviceSession) => void
  /** Told of two clients that use the identity of one device; nothing waits for it. */
  readonly identityClash?: (clash: IdentityClash) => void
}
