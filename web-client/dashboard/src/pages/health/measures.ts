import { meanBetween, rateBetween, type Sample, sumOf } from './prometheus.ts'

/** A reading of `/metrics`, with this browser's clock. */
export interface Reading {
  readonly atMs: number
  readonly samples: readonly Sample[]
}

/** A curve of the health page: what it is called, and how a value comes of two readings. */
export interface Measure {
  readonly title: string
  readonly unit: string
  /** Null where there is nothing to tell. */
  of(before: Reading, after: Reading): number | null
}

const gauge = (title: string, unit: string, name: string, factor = 1): Measure => ({
  title,
  unit,
  of: (_, { samples }) => {
    const value = sumOf(samples, name)
    return value === null ? null : value * factor
  },
})
const rate = (title: string, unit: string, name: string): Measure => ({
  title,
  unit,
  of: (before, after) => rateBetween(before.samples, after.samples, name, (after.atMs - before.atMs) / 1_000),
})
const meanMs = (title: string, name: string): Measure => ({
  title,
  unit: 'ms',
  of: (before, after) => {
    const seconds = meanBetween(before.samples, after.samples, name)
    return seconds === null ? null : seconds * 1_000
  },
})

export const MEASURES: readonly Measure[] = [
  gauge('MQTT connections', '', 'trackwire_mqtt_connections'),
  rate('Messages received', '/s', 'trackwire_mqtt_messages_received_total'),
  rate('Fixes stored', '/s', 'trackwire_ingest_fixes_total'),
  rate('Events announced', '/s', 'trackwire_ingest_events_total'),
  gauge('Waiting to be stored', '', 'trackwire_ingest_queue_length'),
  gauge('Waiting to be announced', '', 'trackwire_outbox_length'),
  meanMs('Commit', 'trackwire_ingest_commit_duration_seconds'),
  meanMs('HTTP answer', 'trackwire_http_request_duration_seconds'),
  rate('Refused messages', '/s', 'trackwire_mqtt_refused_total'),
  rate('Limited', '/s', 'trackwire_limited_total'),
  gauge('Event loop, 99 % below', 'ms', 'nodejs_eventloop_lag_p99_seconds', 1_000),
  gauge('Memory', 'MB', 'process_resident_memory_bytes', 1e-6),
]

/** The points of a measure over the readings; a gap where there is nothing to tell. */
export function curveOf(measure: Measure, readings: readonly Reading[]): (number | null)[] {
  return readings.slice(1).map((after, i) => measure.of(readings[i]!, after))
}

/** Three digits are read at a glance. */
export function numberText(value: number): string {
  return new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 }).format(value)
}
