import { ALARMS, type Alarm, checkStorable, TrackwireError } from '../../contract/index.ts'
import { knotsToMetersPerSecond } from '../trackers/report.ts'
import type { AttributeValue } from '../trackers/vocabulary.ts'
import { type PhoneReport, readFlag, readIdentity, readKnown, readPosition } from './phone-report.ts'
import { readPhoneTime } from './phone-times.ts'

/** What has a place of its own. Tokens (the last two) are nobody's attributes. */
const KNOWN = new Set(
  'id deviceid lat lon location timestamp valid speed bearing heading altitude accuracy hdop batt charge driverUniqueId alarm notificationToken token'.split(
    ' ',
  ),
)

/**
 * The query or form of OsmAnd and Traccar Client; null when it says nothing at all. Speed is in knots, the battery in per cent.
 * Errors: `payload_invalid`.
 */
export function readOsmandQuery(query: URLSearchParams): PhoneReport | null {
  if (query.size === 0) return null
  checkStorable(Object.fromEntries(query), '', 0)
  const knots = readKnown(query.get('speed'))
  const others: Record<string, AttributeValue> = {}
  for (const name of new Set(query.keys())) {
    if (!KNOWN.has(name)) others[name] = readValue(query.getAll(name).join(';'))
  }
  const alarm = query.get('alarm') ?? undefined
  const known = alarmOf(alarm)
  return {
    identity: readIdentity(query.get('id') ?? query.get('deviceid'), '/id'),
    timestamp: readPhoneTime(query.get('timestamp'), '/timestamp'),
    position: hasPosition(query)
      ? readPosition(
          {
            ...placeOf(query),
            valid: readFlag(query.get('valid')) ?? true,
            accuracy: query.get('accuracy'),
            speed: knots === undefined ? undefined : knotsToMetersPerSecond(knots),
            heading: query.get('bearing') ?? query.get('heading'),
            altitude: query.get('altitude'),
          },
          { lat: '/lat', lng: '/lon' },
        )
      : null,
    alarms: known === undefined ? [] : [known],
    attributes: {
      ...others,
      hdop: readKnown(query.get('hdop')),
      batteryPercent: readKnown(query.get('batt')),
      charging: readFlag(query.get('charge')),
      driverId: query.get('driverUniqueId') ?? undefined,
      event: known === undefined ? alarm : undefined,
    },
  }
}

function hasPosition(query: URLSearchParams): boolean {
  return query.has('lat') || query.has('lon') || query.has('location')
}

function placeOf(query: URLSearchParams): { lat: unknown; lng: unknown } {
  const location = query.get('location')
  if (location === null) return { lat: query.get('lat'), lng: query.get('lon') }
  const [lat, lng, ...rest] = location.split(',')
  if (rest.length === 0) return { lat, lng }
  throw new TrackwireError('payload_invalid', '/location must be latitude,longitude', {
    details: { path: '/location' },
  })
}

/** Traccar writes `powerCut` for what we call `power-cut`. */
export function alarmOf(name: unknown): Alarm | undefined {
  if (typeof name !== 'string') return undefined
  const ours = name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
  return ALARMS.find(alarm => alarm === ours)
}

function readValue(text: string): AttributeValue {
  if (text === 'true' || text === 'false') return text === 'true'
  // Numbers that would be written in another way (007, +1) are texts.
  return /^-?(0|[1-9]\d{0,14})(\.\d{1,12})?$/.test(text) ? Number(text) : text
}
