import { isId, type LocationUpdate } from '../../contract/index.ts'
import type { Report } from './report.ts'

/**
 * The fixes of some reports, in the order of their times, as the platform takes them. A position of a receiver that has no fix is the
 * last one that it knew, or none: it would say that a device stands where it does not, so it makes no fix.
 * @param receivedAt milliseconds since the Unix epoch; the time of reports that have none
 */
export function locationUpdatesOf(reports: readonly Report[], receivedAt: number): LocationUpdate[] {
  return reports
    .flatMap(report => (report.position?.valid ? [locationUpdate(report, receivedAt)] : []))
    .sort((a, b) => a.timestamp - b.timestamp)
}

function locationUpdate({ timestamp, position, alarms, attributes }: Report, receivedAt: number): LocationUpdate {
  const { batteryPercent, ...others } = attributes
  const known = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== undefined))
  const { lat, lng, accuracy, speed, heading, altitude } = position!
  return {
    timestamp: timestamp ?? receivedAt,
    location: {
      lat,
      lng,
      ...(accuracy === undefined ? {} : { accuracy }),
      ...(speed === undefined ? {} : { speed }),
      ...(heading === undefined ? {} : { heading }),
      ...(altitude === undefined ? {} : { altitude }),
    },
    ...(inPercent(batteryPercent) && { metadata: { battery: batteryPercent } }),
    ...((alarms.length > 0 || Object.keys(known).length > 0) && {
      attributes: { ...known, ...(alarms.length > 0 && { alarms: [...alarms] }) },
    }),
  }
}

function inPercent(value: number | undefined): value is number {
  return value !== undefined && value >= 0 && value <= 100
}

/** What is known of a device's battery and make from reports without a position; null for nothing. */
export function telemetryOf(reports: readonly Report[]): { battery?: number; firmware?: string } | null {
  const found: { battery?: number; firmware?: string } = {}
  for (const { attributes } of reports) {
    if (inPercent(attributes.batteryPercent)) found.battery = attributes.batteryPercent
    if (attributes.firmware !== undefined) found.firmware = attributes.firmware.slice(0, 128)
  }
  return Object.keys(found).length === 0 ? null : found
}

/** The button was pressed: what it means as an SOS. Its id comes from its moment, so that a repeat is the same alert. */
export function sosOf(
  report: Report,
  protocol: string,
  receivedAt: number,
): { action: 'trigger'; id: string; timestamp: number; location?: LocationUpdate['location'] } | null {
  if (!report.alarms.includes('sos')) return null
  const timestamp = report.timestamp ?? receivedAt
  const id = `${protocol}-${timestamp}`
  const location = report.position?.valid ? locationUpdate(report, receivedAt).location : undefined
  return isId(id) ? { action: 'trigger', id, timestamp, ...(location === undefined ? {} : { location }) } : null
}
