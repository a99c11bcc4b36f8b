import { TrackwireError } from '../../contract/index.ts'
import { type PhoneReport, readIdentity, readKnown, readPosition, readShare, readText } from './phone-report.ts'
import { readPhoneTime } from './phone-times.ts'
import { object, scalars } from './traccar-client.ts'

/** Members of `properties` that have a place of their own. */
const KNOWN = new Set(
  'timestamp time ts device_id deviceId id speed course heading bearing altitude accuracy horizontal_accuracy battery_level battery_state battery motion activity wifi'.split(
    ' ',
  ),
)

/**
 * One Point of GeoJSON (longitude first), as it is or as Overland has it. Speed is in metres per second, `battery_level` from 0
 * to 1, `battery` in per cent, −1 is unknown. Errors: `payload_invalid`.
 */
export function readGeojsonPoint(value: unknown, path: string): PhoneReport {
  const feature = object(value)
  const geometry = object(feature?.geometry)
  if (feature?.type !== 'Feature' || geometry?.type !== 'Point' || !Array.isArray(geometry.coordinates)) {
    const message = `${path || '/'} must be a GeoJSON Feature with a Point`
    throw new TrackwireError('payload_invalid', message, { details: { path: path || '/' } })
  }
  const properties = object(feature.properties) ?? {}
  const [lng, lat, height] = geometry.coordinates as unknown[]
  const at = `${path}/geometry/coordinates`
  const of = `${path}/properties`
  const motions = [properties.motion].flat().filter(motion => typeof motion === 'string')
  return {
    identity: readIdentity(
      properties.device_id ?? properties.deviceId ?? properties.id ?? feature.id,
      `${of}/device_id`,
    ),
    timestamp: readPhoneTime(properties.timestamp ?? properties.time ?? properties.ts, `${of}/timestamp`),
    position: readPosition(
      {
        lat,
        lng,
        accuracy: properties.horizontal_accuracy ?? properties.accuracy,
        speed: readKnown(properties.speed),
        heading: properties.course ?? properties.heading ?? properties.bearing,
        altitude: properties.altitude ?? height,
      },
      { lat: `${at}/1`, lng: `${at}/0` },
    ),
    alarms: [],
    attributes: {
      ...scalars(Object.fromEntries(Object.entries(properties).filter(([name]) => !KNOWN.has(name)))),
      batteryPercent: readShare(properties.battery_level) ?? readKnown(properties.battery),
      charging: chargingOf(properties.battery_state),
    },
    // Overland's own `activity` is how the phone was told to use its receiver; what its bearer does is `motion`.
    activity:
      motions[0] ?? (object(feature.properties)?.motion === undefined ? readText(properties.activity) : undefined),
    network: readText(properties.wifi) === undefined ? undefined : 'wifi',
  }
}

function chargingOf(state: unknown): boolean | undefined {
  if (state === 'charging' || state === 'full') return true
  return state === 'unplugged' ? false : undefined
}
