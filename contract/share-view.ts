import type { DeviceStatus } from './device-status.ts'
import type { Location, LocationUpdate } from './location-update.ts'
import { isShareOpen, type ShareScope } from './share-scope.ts'

/** Metres per degree of latitude where it has the fewest (the equator), and of longitude there: WGS 84, rounded down. */
const PER_LAT_DEGREE = 110_574
const PER_LNG_DEGREE = 111_319
/** The longest of both, rounded up: no distance is said to be shorter than it is. */
const MOST_PER_DEGREE = 111_700
/** Of a degree: 1 cm. */
const DECIMALS = 7

/**
 * The part of a fix that a share link shows, or null: not in the window, not in the area, not of its devices.
 * Of its own accord it never shows who drove, the battery, or what else the organisation's devices tell.
 * @param covers whether the link's area covers the true position; asked only when there is an area
 */
export function sharedFix(
  share: ShareScope,
  deviceId: string,
  { timestamp, location }: LocationUpdate,
  covers: (lng: number, lat: number) => boolean,
): LocationUpdate | null {
  if (!share.devices.includes(deviceId) || !isShareOpen(share, timestamp)) return null
  if (share.area !== undefined && !covers(location.lng, location.lat)) return null
  const { precisionMeters } = share
  return {
    deviceId,
    timestamp,
    location: precisionMeters === undefined ? { ...location } : snapToGrid(location, precisionMeters),
  }
}

/** The part of a status that a share link shows: whether it is connected. Null when the device is not one of its. */
export function sharedStatus(share: ShareScope, deviceId: string, { state, since }: DeviceStatus): DeviceStatus | null {
  if (!share.devices.includes(deviceId)) return null
  return { state, ...(since !== undefined && isShareOpen(share, since) && { since }) }
}

/**
 * The middle of the grid cell that holds the position. Cells are fixed to the earth and at least `meters` wide and high, so
 * however many fixes come from one cell, they are the same point: there is nothing to average. Speed, course and altitude
 * would tell where in the cell it is and are left out; `accuracy` says how far the true position may be away.
 */
export function snapToGrid({ lat, lng }: Pick<Location, 'lat' | 'lng'>, meters: number): Location {
  const rows = Math.max(1, Math.floor((180 * PER_LAT_DEGREE) / meters))
  const rowDegrees = 180 / rows
  const row = Math.min(rows - 1, Math.max(0, Math.floor((lat + 90) / rowDegrees)))
  const south = -90 + row * rowDegrees
  // Where the row is nearest to a pole its columns are narrowest: there too they are wide enough.
  const narrowest = Math.max(Math.abs(south), Math.abs(south + rowDegrees))
  const aroundMeters = 360 * PER_LNG_DEGREE * Math.max(0, Math.cos((narrowest * Math.PI) / 180))
  const columns = Math.max(1, Math.floor(aroundMeters / meters))
  const columnDegrees = 360 / columns
  const turned = (((lng + 180) % 360) + 360) % 360
  const column = Math.min(columns - 1, Math.floor(turned / columnDegrees))
  const widest =
    row * rowDegrees < 90 && (row + 1) * rowDegrees > 90 ? 0 : Math.min(Math.abs(south), Math.abs(south + rowDegrees))
  const halfWidth = (columnDegrees / 2) * MOST_PER_DEGREE * Math.cos((widest * Math.PI) / 180)
  const halfHeight = (rowDegrees / 2) * MOST_PER_DEGREE
  return {
    lat: rounded(south + rowDegrees / 2),
    lng: rounded(-180 + (column + 0.5) * columnDegrees),
    accuracy: Math.ceil(Math.hypot(halfWidth, halfHeight)),
  }
}

function rounded(degrees: number): number {
  return Number(degrees.toFixed(DECIMALS))
}
