import { isId, type LocationUpdate } from '../../contract/index.ts'
import type { Alarm, Report } from './report.ts'
import type { Attributes, AttributeValue } from './vocabulary.ts'

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
  const said = known(others)
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
    ...((alarms.length > 0 || Object.keys(said).length > 0) && {
      attributes: { ...said, ...(alarms.length > 0 && { alarms: [...alarms] }) },
    }),
  }
}

function inPercent(value: number | undefined): value is number {
  return value !== undefined && value >= 0 && value <= 100
}

/** What reports without a fix say of the device: they move nothing, but its status. Null for nothing. */
export function telemetryOf(
  reports: readonly Report[],
): { battery?: number; firmware?: string; attributes?: Record<string, AttributeValue | Alarm[]> } | null {
  const { batteryPercent, firmware, ...others }: Attributes = Object.assign(
    {},
    ...reports.map(({ attributes }) => attributes),
  )
  const alarms = [...new Set(reports.flatMap(report => report.alarms))]
  const attributes = { ...known(others), ...(alarms.length > 0 && { alarms }) }
  const found = {
    ...(inPercent(batteryPercent) && { battery: batteryPercent }),
    ...(firmware !== undefined && { firmware: firmware.slice(0, 128) }),
    ...(Object.keys(attributes).length > 0 && { attributes }),
  }
  return Object.keys(found).length === 0 ? null : found
}

function known(attributes: Attributes): Record<string, AttributeValue> {
  return Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, AttributeValue] => entry[1] !== undefined),
  )
}

/** What reports without a fix say of alarms, and of what ends them: fixes carry theirs themselves. */
export function alarmReportsOf(
  reports: readonly Report[],
  receivedAt: number,
): { timestamp: number; alarms: readonly string[]; attributes: Report['attributes'] }[] {
  return reports
    .filter(({ position }) => !position?.valid)
    .map(({ timestamp, alarms, attributes }) => ({ timestamp: timestamp ?? receivedAt, alarms, attributes }))
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
