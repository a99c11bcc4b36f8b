import type { DeviceEvent, GeofenceEvent } from '../contract/index.ts'

/** Times as people at a place read them: `2026-11-20 14:02:11`. @throws RangeError when there is no such time zone */
export function timeWriter(timeZone?: string): (ms: number) => string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    dateStyle: 'short',
    timeStyle: 'medium',
    ...(timeZone !== undefined && { timeZone }),
  })
  return ms => format.format(ms)
}

/** One event in one line, as people read it. */
export function eventLine(event: GeofenceEvent | DeviceEvent, writeTime: (ms: number) => string): string {
  const [what, where] =
    'fenceName' in event ? [event.event, event.fenceName] : [`${event.event} ${event.phase}`, event.fenceId]
  const marks = [...flagsOf(event), ...numbersOf(event)]
  const at = event.location === undefined ? '' : `${event.location.lat.toFixed(5)}, ${event.location.lng.toFixed(5)}`
  return [
    writeTime(event.timestamp),
    event.deviceId,
    what.padEnd(6),
    where,
    marks.length > 0 ? `(${marks.join(', ')})` : '',
    at,
  ]
    .filter(Boolean)
    .join('  ')
}

const FLAGS = ['initial', 'late', 'inferred', 'interpolated', 'scheduled', 'overstay'] as const

function flagsOf(event: GeofenceEvent | DeviceEvent): string[] {
  return FLAGS.filter(flag => (event as Partial<Record<(typeof FLAGS)[number], boolean>>)[flag] === true)
}

function numbersOf(event: GeofenceEvent | DeviceEvent): string[] {
  if ('fenceName' in event) {
    return event.dwellSeconds === undefined ? [] : [`after ${Math.round(event.dwellSeconds)} s`]
  }
  const { value, limit, seconds } = event
  return [
    ...(value === undefined ? [] : [`${Math.round(value * 10) / 10}${limit === undefined ? '' : `, limit ${limit}`}`]),
    ...(seconds === undefined ? [] : [`for ${Math.round(seconds)} s`]),
  ]
}
