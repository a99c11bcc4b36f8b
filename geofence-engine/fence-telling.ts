import type { GeofenceEvent, GeofenceTransition, Location } from '../contract/index.ts'
import type { CompiledFence } from './compiled-fence.ts'
import type { Decision } from './decision.ts'
import type { Device } from './device-state.ts'
import { geofenceEventId } from './event-id.ts'
import type { FenceReason } from './reasons.ts'
import { announces } from './rules/event-filter.ts'

/** A transition of a device and a fence, before anybody asked whether the fence announces it. */
export interface Happening {
  readonly event: GeofenceTransition
  readonly reason: FenceReason
  readonly timestamp: number
  readonly location: Location
  readonly marks?: Pick<GeofenceEvent, 'initial' | 'interpolated' | 'scheduled' | 'inferred' | 'overstay' | 'repeat'>
  /** Of a dwell: when the stay began; its id comes from it. */
  readonly since?: number
  /** What the reason's sentence ends in: the numbers that decided. */
  readonly facts?: string
}

/** A transition that did not come about. */
export interface Withheld {
  readonly event: GeofenceTransition
  readonly reason: FenceReason
  readonly location: Location
  readonly facts?: string
}

interface Note {
  readonly fence: CompiledFence
  readonly event: GeofenceTransition
  readonly reason: FenceReason
  readonly location: Location
  readonly facts: string | undefined
  readonly announced: GeofenceEvent | null
  readonly before: string
  readonly after: string
}

/** Collects what one fix, or one question to the clock, means for the fences of a device. */
export class FenceTelling {
  readonly #device: Device
  readonly #timestamp: number
  readonly #events: GeofenceEvent[] = []
  readonly #notes: Note[] = []

  /** @param timestamp of the fix or the clock, the time of all decisions */
  constructor(device: Device, timestamp: number) {
    this.#device = device
    this.#timestamp = timestamp
  }

  /** Announces what happened, unless the fence does not want it or its schedule was not in force at that time. */
  tell(fence: CompiledFence, happening: Happening): void {
    const { event, reason, location, facts } = happening
    const sides = sidesOf(event)
    const why = !announces(fence.feature.properties, event)
      ? 'event_not_wanted'
      : fence.schedule?.activeAt(happening.timestamp) === false
        ? 'out_of_schedule'
        : null
    const announced = why === null ? eventOf(this.#device, fence, happening) : null
    if (announced !== null) this.#events.push(announced)
    this.#notes.push({ fence, event, reason: why ?? reason, location, facts, announced, ...sides })
  }

  /** Notes what was not announced and changed nothing. */
  withhold(fence: CompiledFence, { event, reason, location, facts }: Withheld): void {
    const { before } = sidesOf(event)
    this.#notes.push({ fence, event, reason, location, facts, announced: null, before, after: before })
  }

  /** In order of their time; at one time first what a schedule began with, then exits, enters and dwells, each by fence id. */
  get events(): GeofenceEvent[] {
    return this.#events.length > 1 ? this.#events.sort(inOrder) : this.#events
  }

  /** Worked out now: the distances cost more than the rules themselves. */
  decisions(): Decision[] {
    return this.#notes.map(note => decisionOf(note, this.#timestamp))
  }
}

function sidesOf(event: GeofenceTransition): { before: string; after: string } {
  return { before: event === 'enter' ? 'outside' : 'inside', after: event === 'exit' ? 'outside' : 'inside' }
}

function eventOf({ org, deviceId }: Device, { feature }: CompiledFence, happening: Happening): GeofenceEvent {
  const { event, timestamp, location, marks, since } = happening
  const { name, tags, severity } = feature.properties
  const variant = marks?.overstay ? 'overstay' : marks?.repeat
  return {
    id: geofenceEventId(org, deviceId, feature.id, event, since ?? timestamp, variant),
    event,
    deviceId,
    fenceId: feature.id,
    fenceName: name ?? feature.id,
    timestamp,
    location,
    ...marks,
    ...(since === undefined ? {} : { dwellSeconds: (timestamp - since) / 1_000 }),
    ...(severity === undefined ? {} : { severity }),
    ...(tags === undefined ? {} : { tags }),
  }
}

function inOrder(a: GeofenceEvent, b: GeofenceEvent): number {
  return a.timestamp - b.timestamp || rankOf(a) - rankOf(b) || (a.fenceId < b.fenceId ? -1 : 1)
}

function rankOf({ event, scheduled }: GeofenceEvent): number {
  if (scheduled) return 0
  return event === 'exit' ? 1 : event === 'enter' ? 2 : 3
}

const REASON_WORDS: Readonly<Record<FenceReason, string>> = {
  crossed: 'the fix before was on the other side',
  initial: 'the device was found inside',
  confirmed: 'the crossing is confirmed',
  crossed_between: 'the line between two fixes passes the border',
  schedule_began: 'the schedule began while it was inside',
  schedule_expected: 'the schedule began and it was not where it should be',
  dwelled: 'it stayed long enough',
  dwell_repeated: 'it still stays',
  overstayed: 'it stays too long',
  accuracy_poor: 'the fix is too inexact to count',
  implausible_jump: 'nothing could have got there so fast',
  near_border: 'that is not clearly across',
  unconfirmed: 'that is not confirmed yet',
  returned: 'it was back before that was confirmed',
  event_not_wanted: 'the fence does not announce that',
  out_of_schedule: 'the schedule of the fence is not in force',
  stay_too_short: 'it left too early',
}

/** As people say it: 8.3 m, 150 m, 22 km. */
function inWords(meters: number): string {
  if (meters < 100) return `${meters} m`
  return meters < 10_000 ? `${Math.round(meters)} m` : `${Math.round(meters / 1_000)} km`
}

function decisionOf(note: Note, timestamp: number): Decision {
  const { fence, event, reason, location, facts, announced, before, after } = note
  const { lng, lat } = location
  const borderMeters = Math.round(fence.boundaryMeters(lng, lat) * 10) / 10
  const side = fence.covers(lng, lat) ? 'inside' : 'outside'
  const accuracy = location.accuracy === undefined ? '' : `, the position is good to ${location.accuracy} m`
  const outcome = announced === null ? 'suppressed' : 'announced'
  const words = facts === undefined ? REASON_WORDS[reason] : `${REASON_WORDS[reason]} (${facts})`
  return {
    timestamp,
    subject: fence.feature.id,
    kind: 'fence',
    outcome,
    event,
    ...(announced === null ? {} : { eventId: announced.id }),
    reason,
    text: `${inWords(borderMeters)} ${side} the border${accuracy}: ${words}`,
    location,
    borderMeters,
    before,
    after,
  }
}
