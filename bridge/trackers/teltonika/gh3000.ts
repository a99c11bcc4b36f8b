import type { ByteReader } from '../byte-reader.ts'
import { isPlace } from '../minutes.ts'
import { kilometersPerHourToMetersPerSecond, type Report } from '../report.ts'
import type { AttributeValue } from '../vocabulary.ts'

/** Seconds are counted from 2007-01-01. */
const EPOCH_SECONDS = 1_167_609_600
/** The two highest bits of the time are the record's priority. */
const TIME_MASK = 0x3fffffff

/** A record of codec 7, the GH3000 and GH4000: masks say which fields there are. */
export function readGh3000(reader: ByteReader): Report {
  const timestamp = ((reader.uint(4) & TIME_MASK) + EPOCH_SECONDS) * 1_000
  const groups = reader.uint(1)
  const attributes: Record<string, AttributeValue> = {}
  let position: Report['position'] = null
  if (groups & 0x01) {
    const fields = reader.uint(1)
    const [lat, lng] = fields & 0x01 ? [reader.float(), reader.float()] : [null, null]
    const altitude = fields & 0x02 ? reader.uint(2) : undefined
    const heading = fields & 0x04 ? (reader.uint(1) * 360) / 256 : undefined
    const speed = fields & 0x08 ? kilometersPerHourToMetersPerSecond(reader.uint(1)) : undefined
    if (fields & 0x10) attributes.satellites = reader.uint(1)
    // Cell: area code and id.
    if (fields & 0x20) reader.skip(4)
    if (fields & 0x40) attributes.rssi = reader.uint(1)
    if (fields & 0x80) attributes.operator = reader.uint(4)
    if (isPlace(lat, lng)) {
      position = {
        lat: lat!,
        lng: lng!,
        valid: attributes.satellites === undefined || Number(attributes.satellites) > 0,
        ...(altitude === undefined ? {} : { altitude }),
        ...(heading === undefined ? {} : { heading }),
        ...(speed === undefined ? {} : { speed }),
      }
    }
  }
  for (const [bit, length] of [
    [0x02, 1],
    [0x04, 2],
    [0x08, 4],
  ] as const) {
    if (groups & bit) readParameters(reader, length, attributes)
  }
  return { timestamp, position, alarms: [], attributes }
}

function readParameters(reader: ByteReader, length: 1 | 2 | 4, attributes: Record<string, AttributeValue>): void {
  for (let left = reader.uint(1); left > 0; left--) {
    const id = reader.uint(1)
    const value = reader.uint(length)
    if (id === 1) attributes.batteryPercent = value
    else if (id === 2) attributes.charging = value === 1
    else attributes[`io${id}`] = value
  }
}
