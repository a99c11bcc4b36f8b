import { demoCity } from '../demo/demo-city.ts'
import type { LinkPlan, SosPlan, TrackSource } from '../device-plan.ts'
import { PHONE_BATTERY } from '../drive/battery.ts'
import { drive } from '../drive/drive.ts'
import { createRoute } from '../drive/route.ts'
import { VEHICLES } from '../drive/vehicle.ts'
import { createRandom } from '../random.ts'
import { isTimed, positionOf, shiftTo, type TimedPoint, type TrackPoint } from '../track.ts'
import { readTrackFile } from '../track-files/read-track-file.ts'
import { trackFileError } from '../track-files/track-file-error.ts'
import type { SimSettings } from './sim-settings.ts'
import { UsageError } from './sim-settings.ts'

/** A device to be, still without a token. */
export interface SimTrack {
  readonly deviceId: string
  readonly track: TrackSource
  readonly intervalSeconds: number
  readonly link?: LinkPlan
  readonly sos?: SosPlan
}

export interface SimTracks {
  readonly tracks: readonly SimTrack[]
  /** Simulated seconds until the last fix; infinite for endless drives. */
  readonly spanSeconds: number
  /** When simulated time begins, where the file says so. */
  readonly startMs?: number
}

/** @param soleDevice the id when one device is simulated and no `--device` was given */
export async function makeTracks(settings: SimSettings, soleDevice: string): Promise<SimTracks> {
  if (settings.route === undefined) return cityTracks(settings, soleDevice)
  const file = await readTrackFile(settings.route)
  return settings.replay ? replayTracks(settings, file) : routeTracks(settings, file, soleDevice)
}

function cityTracks(settings: SimSettings, soleDevice: string): SimTracks {
  const { vehicles } = demoCity()
  const ownNames = settings.city && settings.device === undefined && settings.devices === undefined
  const ids = ownNames ? vehicles.map(({ deviceId }) => deviceId) : deviceIds(settings, soleDevice)
  const tracks = ids.map((deviceId, i): SimTrack => {
    const vehicle = vehicles[i % vehicles.length]!
    return {
      deviceId,
      track: startMs =>
        limit(
          vehicle.track(startMs, `${settings.seed}/${i}`, {
            noiseMeters: settings.noiseMeters,
            // Under its own name a vehicle begins where the demo has it; a crowd is spread over the routes.
            ...(ownNames
              ? {}
              : {
                  intervalSeconds: settings.intervalSeconds,
                  startShare: createRandom(`${settings.seed}/start/${i}`).next(),
                }),
          }),
          settings.count,
        ),
      intervalSeconds: settings.intervalSeconds,
      ...(ownNames && vehicle.plan.link !== undefined ? { link: vehicle.plan.link } : {}),
      ...(ownNames && vehicle.plan.sos !== undefined ? { sos: vehicle.plan.sos } : {}),
    }
  })
  return { tracks, spanSeconds: spanOfCount(settings) }
}

function routeTracks(settings: SimSettings, file: Map<string, TrackPoint[]>, soleDevice: string): SimTracks {
  const lines = [...file.values()]
  const ids = deviceIds(settings, soleDevice)
  const tracks = ids.map((deviceId, i): SimTrack => {
    const route = routeOf(lines[i % lines.length]!, settings.route!)
    return {
      deviceId,
      track: startMs =>
        limit(
          drive({
            route,
            vehicle: VEHICLES.car,
            seed: `${settings.seed}/${i}`,
            startMs,
            intervalSeconds: settings.intervalSeconds,
            // Several devices on one line are spread over it, so that they can be told apart.
            startAtMeters:
              ids.length === 1 ? 0 : (route.lengthMeters * Math.floor(i / lines.length) * lines.length) / ids.length,
            noiseMeters: settings.noiseMeters,
            battery: PHONE_BATTERY,
            atEnd: settings.loop ? 'turn-back' : 'finish',
          }),
          settings.count,
        ),
      intervalSeconds: settings.intervalSeconds,
    }
  })
  return { tracks, spanSeconds: settings.loop ? spanOfCount(settings) : routeSpan(settings, tracks) }
}

function routeOf(points: readonly TrackPoint[], file: string) {
  try {
    // Only --loop closes a ring: without it the drive must come to an end.
    return createRoute(points.map(positionOf), false)
  } catch (error) {
    throw trackFileError('empty', file, undefined, (error as Error).message, error)
  }
}

/** How long the slowest drive takes, found by driving it: it is pure and quick. */
function routeSpan(settings: SimSettings, tracks: readonly SimTrack[]): number {
  if (settings.speed === 1) return Number.POSITIVE_INFINITY
  let longestMs = 0
  for (const { track } of tracks) {
    const points = (track as (startMs: number) => Iterable<TimedPoint>)(0)
    for (const { timestampMs } of points) longestMs = Math.max(longestMs, timestampMs)
  }
  return longestMs / 1_000
}

function replayTracks(settings: SimSettings, file: Map<string, TrackPoint[]>): SimTracks {
  const chosen = [...file].slice(0, settings.devices ?? file.size)
  if (settings.device !== undefined) {
    const own = file.get(settings.device) ?? (file.size === 1 ? chosen[0]![1] : undefined)
    if (own === undefined) {
      const known = [...file.keys()].slice(0, 5).join(', ')
      throw new UsageError(
        `${settings.route} has no device ${settings.device}; it has ${known}${file.size > 5 ? ', …' : ''}.`,
      )
    }
    chosen.splice(0, chosen.length, [settings.device, own])
  }
  const timed = chosen.map(([deviceId, points]) => ({ deviceId, points: inOrder(points, settings.route!) }))
  const firstMs = timed.reduce((least, { points }) => Math.min(least, points[0]!.timestampMs), Number.POSITIVE_INFINITY)
  const spanMs = timed.reduce((longest, { points }) => {
    const beginMs = settings.keepTimes ? firstMs : points[0]!.timestampMs
    const last = points[Math.min(points.length, settings.count ?? points.length) - 1]!
    return Math.max(longest, last.timestampMs - beginMs)
  }, 0)
  const tracks = timed.map(
    ({ deviceId, points }): SimTrack => ({
      deviceId,
      track: startMs => limit(settings.keepTimes ? points : shiftTo(points, startMs), settings.count),
      intervalSeconds: settings.intervalSeconds,
    }),
  )
  return { tracks, spanSeconds: spanMs / 1_000, ...(settings.keepTimes ? { startMs: firstMs } : {}) }
}

/** A recording in the order of its times; segments of a file may come in any order. */
function inOrder(points: readonly TrackPoint[], file: string): readonly TimedPoint[] {
  const sorted = points.every(({ timestampMs }) => timestampMs !== undefined)
    ? [...points].sort((a, b) => a.timestampMs! - b.timestampMs!)
    : points
  if (isTimed(sorted)) return sorted
  const untimed = points.findIndex(({ timestampMs }) => timestampMs === undefined)
  const cause = `point ${untimed + 1} has no time, so it cannot be replayed; leave --replay out to drive along the line`
  throw trackFileError('no-times', file, undefined, cause)
}

function deviceIds(settings: SimSettings, soleDevice: string): string[] {
  if (settings.device !== undefined) return [settings.device]
  const count = settings.devices ?? 1
  if (count === 1) return [soleDevice]
  const nameOf = settings.protocol === undefined ? (number: number) => `sim-${number}` : imeiOf
  return Array.from({ length: count }, (_, i) => nameOf(i + 1))
}

/** A number of 15 digits that no device has: the type allocation code 00 000000 is given to none. */
export function imeiOf(number: number): string {
  return String(number).padStart(15, '0')
}

function spanOfCount({ count, intervalSeconds }: SimSettings): number {
  return count === undefined ? Number.POSITIVE_INFINITY : (count - 1) * intervalSeconds
}

function* limit<T>(items: Iterable<T>, count = Number.POSITIVE_INFINITY): Generator<T, void, undefined> {
  let n = 0
  for (const item of items) {
    if (n >= count) return
    n += 1
    yield item
  }
}
