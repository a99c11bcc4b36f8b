import type { Location } from '../contract/index.ts'

/** Why a transition was announced or was not. What a person reads when they ask why there was an alert, or none. */
export interface Decision {
  /** The fix (or the moment of the clock) at which it was decided, milliseconds since the Unix epoch. */
  readonly timestamp: number
  /** A fence's id, or a rule's name. */
  readonly subject: string
  readonly kind: 'fence' | 'rule'
  readonly outcome: 'announced' | 'suppressed'
  /** What was announced or would have been: `enter`, `exit`, `dwell`, `overspeed`, … */
  readonly event: string
  /** The announced event's id. */
  readonly eventId?: string
  /** Stable code, like `crossed`, `initial`, `accuracy_poor`, `near_border`, `unconfirmed`, `implausible_jump`, `out_of_schedule`. */
  readonly reason: string
  /** The reason in words, with the numbers in it; what it is of and what became of it is not said again. */
  readonly text: string
  readonly location?: Location
  /** Distance to the fence's border in metres, from either side. */
  readonly borderMeters?: number
  /** What was known before and after: `inside`, `outside`, `unknown`; or a rule's own words. */
  readonly before: string
  readonly after: string
}
