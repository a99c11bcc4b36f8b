import { TrackwireError } from '../../contract/index.ts'
import type { AttributeValue } from '../trackers/vocabulary.ts'
import { alarmOf } from './osmand-query.ts'
import {
  type PhoneReport,
  readFlag,
  readIdentity,
  readKnown,
  readPosition,
  readShare,
  readText,
} from './phone-report.ts'
import { readPhoneTime } from './phone-times.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * The JSON of Traccar Client 9 and of other apps with the "background geolocation" library: `{location, device_id}`, where
 * `location` may be a list. Speed is in metres per second, the battery from 0 to 1, −1 is unknown. Errors: `payload_invalid`.
 */
export function readTraccarClient(body: Json, path = ''): PhoneReport[] {
  const identity = readIdentity(body.device_id, `${path}/device_id`)
  if (!Array.isArray(body.location)) return [readLocation(body.location, identity, `${path}/location`)]
  return body.location.map((location, i) => readLocation(location, identity, `${path}/location/${i}`))
}

function readLocation(value: unknown, identity: string | null, path: string): PhoneReport {
  const location = object(value)
  const coords = object(location?.coords)
  if (location === undefined || coords === undefined) {
    throw new TrackwireError('payload_invalid', `${path} must be an object with coords`, { details: { path } })
  }
  const battery = object(location.battery)
  const activity = readText(object(location.activity)?.type)
  const known = alarmOf(location.alarm)
  return {
    identity,
    timestamp: readPhoneTime(location.timestamp, `${path}/timestamp`),
    position: readPosition(
      {
        lat: coords.latitude,
        lng: coords.longitude,
        accuracy: coords.accuracy,
        speed: readKnown(coords.speed),
        heading: coords.heading,
        altitude: coords.altitude,
      },
      { lat: `${path}/coords/latitude`, lng: `${path}/coords/longitude` },
    ),
    alarms: known === undefined ? [] : [known],
    attributes: {
      ...scalars(object(location.extras) ?? {}),
      ...(readFlag(location.mock) && { mock: true }),
      motion: readFlag(location.is_moving),
      odometerMeters: readKnown(location.odometer),
      batteryPercent: readShare(battery?.level),
      charging: readFlag(battery?.is_charging),
      event: readText(location.event) ?? (known === undefined ? readText(location.alarm) : undefined),
    },
    activity: activity === 'unknown' ? undefined : activity,
  }
}

export function object(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
}

/** The members that are attributes as they are. */
export function scalars(value: Json): Record<string, AttributeValue> {
  return Object.fromEntries(
    Object.entries(value).filter(([, inner]) => ['string', 'number', 'boolean'].includes(typeof inner)),
  ) as Record<string, AttributeValue>
}
