import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FenceFeature, FenceProperties } from '../../contract/index.ts'
import {
  type Device,
  type DeviceState,
  type EngineEvent,
  emptyState,
  evaluateFix,
  expectedBy,
  FenceIndex,
  type Fix,
  isGeofenceEvent,
  readFence,
  unchanging,
} from '../../geofence-engine/index.ts'

/** One degree of longitude at the equator. Positions are metres east of a fence that reaches from 0 to 1,000. */
const METERS_PER_DEGREE = 111_319.490_793
export const east = (meters: number) => meters / METERS_PER_DEGREE
export const device: Device = { org: 'acme', deviceId: 'truck-7', groups: ['trucks', 'north'] }

export function fenceOf(properties: FenceProperties = {}, id = 'yard'): FenceFeature {
  const ring = [
    [0, -1],
    [east(1_000), -1],
    [east(1_000), 1],
    [0, 1],
    [0, -1],
  ]
  return readFence({ type: 'Feature', id, geometry: { type: 'Polygon', coordinates: [ring] }, properties })
}

export function indexOf(...fences: readonly FenceFeature[]): FenceIndex {
  const index = new FenceIndex()
  for (const fence of fences) index.put(fence)
  return index
}

/** `dwell 700 overstay 70s`: the event, its time in seconds, its marks, how long it had lasted. */
export function show(event: EngineEvent): string {
  const words: (string | number)[] = [event.event, event.timestamp / 1_000]
  if (!isGeofenceEvent(event)) return words.join(' ')
  const { initial, inferred, interpolated, scheduled, overstay, repeat, dwellSeconds } = event
  for (const [name, mark] of Object.entries({ initial, interpolated, inferred, scheduled, overstay })) {
    if (mark === true) words.push(name)
  }
  if (repeat !== undefined) words.push(`repeat-${repeat}`)
  if (dwellSeconds !== undefined) words.push(`${dwellSeconds}s`)
  return words.join(' ')
}

/** Seconds, metres east, accuracy; then what that fix gives. */
export type FixStep = readonly [seconds: number, at: number, accuracy: number | undefined, ...events: string[]]
/** What the clock gives, and when it wants to be asked again (event time, clock), in seconds. */
export interface ClockStep {
  readonly clock: number
  /** Event time; the same as the clock when left out. */
  readonly eventNow?: number
  /** When the newest fix was received; at its own time when left out. */
  readonly heardAt?: number
  readonly events: readonly string[]
  readonly next: readonly [inEventTime: number | null, byClock: number | null]
}
export interface Timeline {
  readonly name: string
  readonly properties: FenceProperties
  readonly steps: readonly (FixStep | ClockStep)[]
  /** Reason codes of all decisions in their order. */
  readonly reasons?: readonly string[]
}

export function testTimelines(timelines: readonly Timeline[]): void {
  for (const { name, properties, steps, reasons } of timelines) {
    test(name, () => {
      const surroundings = unchanging(device, indexOf(fenceOf(properties)))
      let state: DeviceState = emptyState()
      const got: unknown[] = []
      const gotReasons: string[] = []
      for (const step of steps) {
        if ('clock' in step) {
          const { clock, eventNow = clock, heardAt } = step
          const { events, nextAt } = expectedBy(surroundings, Object.freeze(state), {
            clock: clock * 1_000,
            eventNow: eventNow * 1_000,
            ...(heardAt !== undefined && { heardAt: heardAt * 1_000 }),
          })
          const inSeconds = (ms: number | null) => (ms === null ? null : ms / 1_000)
          const next = [inSeconds(nextAt.inEventTime), inSeconds(nextAt.byClock)]
          got.push([`clock ${clock}:`, ...events.map(show), next])
          continue
        }
        const [seconds, at, accuracy] = step
        const fix = fixAt(seconds, at, accuracy)
        const result = evaluateFix(surroundings, Object.freeze(state), fix)
        state = JSON.parse(JSON.stringify(result.state))
        got.push([`${seconds}:`, ...result.events.map(show)])
        gotReasons.push(...result.decisions.map(({ reason }) => reason))
      }
      const wanted = steps.map(step =>
        'clock' in step ? [`clock ${step.clock}:`, ...step.events, step.next] : [`${step[0]}:`, ...step.slice(3)],
      )
      assert.deepEqual(got, wanted)
      if (reasons !== undefined) assert.deepEqual(gotReasons, reasons)
    })
  }
}

export function fixAt(seconds: number, at: number, accuracy?: number): Fix {
  const location = { lat: 0, lng: east(at), ...(accuracy === undefined ? {} : { accuracy }) }
  return { timestamp: seconds * 1_000, location }
}
