import type { TrackPoint } from './track.ts'

/**
 * Where a device's fixes come from. A function is given the time at which the device starts, so that a device that
 * joins late does not begin with a backlog.
 */
export type TrackSource =
  | Iterable<TrackPoint>
  | AsyncIterable<TrackPoint>
  | ((startMs: number) => Iterable<TrackPoint> | AsyncIterable<TrackPoint>)

/** Simulated seconds after the device's start. */
export interface LinkPlan {
  readonly firstCutAfterSeconds: number
  readonly cutForSeconds: number
  /** From the beginning of one cut to the next; once only when left out. */
  readonly everySeconds?: number
}

/** When a person presses the button. Simulated seconds. */
export interface SosPlan {
  readonly afterSeconds: number
  readonly message?: string
  /** The sender takes it back after this long; never when left out. */
  readonly cancelAfterSeconds?: number
  /** Pressed again, as a new alert, this long after the press before; once only when left out. */
  readonly againAfterSeconds?: number
}

export interface DevicePlan {
  readonly deviceId: string
  /** The JWT sent as MQTT password. */
  readonly token: string
  readonly track: TrackSource
  /** Seconds between fixes of a track without times; fixes of a timed track are sent at their times. */
  readonly intervalSeconds: number
  readonly firmware?: string
  readonly network?: string
  readonly link?: LinkPlan
  readonly sos?: SosPlan
  /** Written into every fix's `attributes`. */
  readonly attributes?: Readonly<Record<string, unknown>>
}
