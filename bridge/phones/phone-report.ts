import { isId, type LocationUpdate, TrackwireError } from '../../contract/index.ts'
import { locationUpdatesOf } from '../trackers/location-updates.ts'
import { normalHeading, type Position, type Report } from '../trackers/report.ts'

/** One moment of one phone. */
export interface PhoneReport extends Report {
  /** The device that the message names; null when it names none. */
  readonly identity: string | null
  readonly network?: string | undefined
  readonly activity?: string | undefined
}

/** Its fix as the platform takes it; null without a valid position. */
export function phoneFixOf(report: PhoneReport, receivedAt: number): LocationUpdate | null {
  const [fix] = locationUpdatesOf([report], receivedAt)
  if (fix === undefined) return null
  const { network, activity } = report
  const metadata = {
    ...fix.metadata,
    ...(network === undefined ? {} : { network: network.slice(0, 64) }),
    ...(activity === undefined ? {} : { activity: activity.slice(0, 64) }),
  }
  return Object.keys(metadata).length === 0 ? fix : { ...fix, metadata }
}

/** A number, also as a text; undefined for anything else. */
export function readNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value !== 'string' || !/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(value)) return undefined
  const number = Number(value)
  return Number.isFinite(number) ? number : undefined
}

/** Phones say −1 for what they do not know. */
export function readKnown(value: unknown): number | undefined {
  const number = readNumber(value)
  return number === undefined || number < 0 ? undefined : number
}

export function readFlag(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value
  if (value === 'true' || value === '1' || value === 1) return true
  if (value === 'false' || value === '0' || value === 0) return false
  return undefined
}

export function readText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A battery from 0 to 1, in per cent. */
export function readShare(value: unknown): number | undefined {
  const share = readKnown(value)
  return share === undefined || share > 1 ? undefined : Math.round(share * 1_000) / 10
}

/** Errors: `payload_invalid`. */
export function readIdentity(value: unknown, path: string): string | null {
  if (value === undefined || value === null || value === '') return null
  const identity = typeof value === 'number' ? String(value) : value
  if (isId(identity)) return identity
  const message = `${path} is no device id; set it in the app to 1 to 64 letters, digits, ".", "_", ":" or "-"`
  throw new TrackwireError('payload_invalid', message, { details: { path } })
}

/**
 * A position from what a phone says of it, in degrees, metres and metres per second; what is negative but cannot be is unknown.
 * Errors: `payload_invalid`.
 */
export function readPosition(
  said: {
    readonly lat: unknown
    readonly lng: unknown
    readonly valid?: boolean
    readonly accuracy?: unknown
    readonly speed?: number | undefined
    readonly heading?: unknown
    readonly altitude?: unknown
  },
  paths: { readonly lat: string; readonly lng: string },
): Position {
  const accuracy = readKnown(said.accuracy)
  const heading = readKnown(said.heading)
  const altitude = readNumber(said.altitude)
  const { speed } = said
  return {
    lat: readDegrees(said.lat, 90, paths.lat),
    lng: readDegrees(said.lng, 180, paths.lng),
    valid: said.valid ?? true,
    ...(accuracy === undefined ? {} : { accuracy }),
    ...(speed === undefined ? {} : { speed }),
    ...(heading === undefined ? {} : { heading: normalHeading(heading) }),
    ...(altitude === undefined ? {} : { altitude }),
  }
}

function readDegrees(value: unknown, most: number, path: string): number {
  const degrees = readNumber(value)
  if (degrees !== undefined && Math.abs(degrees) <= most) return degrees
  const message = `${path} must be a number of degrees from -${most} to ${most}`
  throw new TrackwireError('payload_invalid', message, { details: { path } })
}
