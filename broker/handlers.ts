import type { ChannelName, ErrorNotice, PayloadOf, Principal, TopicParams } from '../contract/index.ts'

/** A message that passed rights and schema, on its way to whoever does the work. */
export interface Inbound<Name extends ChannelName> {
  readonly topic: string
  readonly params: TopicParams
  readonly payload: PayloadOf<Name>
  readonly principal: Principal
  readonly receivedAt: number
}

/** What is said of parts of a message that were refused or set aside. */
export type Refusal = Pick<ErrorNotice, 'code' | 'message' | 'index'>

/** Resolves when what it does is committed: only then is a QoS 1 message acknowledged. Rejects with a TrackwireError. */
export type Handler<Name extends ChannelName, Outcome = readonly Refusal[]> = (
  message: Inbound<Name>,
) => Promise<Outcome>

/** The work behind the channels that clients publish to; the rest the broker does itself. */
export interface Handlers {
  /** `repeated`: the fix was stored before; it is acknowledged once more, and goes no further. */
  readonly location: Handler<'location', readonly Refusal[] | 'repeated'>
  readonly locationBatch: Handler<'locationBatch'>
  readonly sos: Handler<'sos'>
  readonly sosAnswer: Handler<'sosAnswer'>
}
