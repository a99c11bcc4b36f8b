import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Backlog } from './backlog.ts'
import type { EventChanges } from './store-events.ts'

export type IngestMetrics = ReturnType<typeof createMetrics>

/** What the pipeline tells about itself; names and units as OpenTelemetry's Prometheus form has them. */
export function createMetrics(
  registry: Registry,
  { backlog, unannounced }: { backlog: Backlog; unannounced: () => number },
) {
  const registers = [registry]
  let thinned = 0
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  gauge('trackwire_ingest_queue_length', 'Fixes that wait for their transaction', () => backlog.length)
  gauge('trackwire_ingest_queue_bytes', 'What they take in memory, about', () => backlog.bytes)
  gauge('trackwire_ingest_overload', '1 while more fixes come than are stored: QoS 0 is thinned, HTTP refused', () =>
    backlog.isOverloaded ? 1 : 0,
  )
  gauge('trackwire_outbox_length', 'Committed messages that the broker has not taken yet', unannounced)
  return {
    fixes: new Counter({
      name: 'trackwire_ingest_fixes_total',
      help: 'Fixes by what became of them: stored, repeated, thinned (a newer one was stored in its place), or the code they were refused or set aside with',
      labelNames: ['result'],
      registers,
      // As many as come in: they are counted where that costs nothing.
      collect() {
        this.inc({ result: 'thinned' }, backlog.thinned - thinned)
        thinned = backlog.thinned
      },
    }),
    events: new Counter({
      name: 'trackwire_ingest_events_total',
      help: 'Events stored, by kind; corrections of any kind as `correction`',
      labelNames: ['event'],
      registers,
    }),
    groupSize: new Histogram({
      name: 'trackwire_ingest_group_size_fixes',
      help: 'Fixes that shared a transaction',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500],
      registers,
    }),
    commitSeconds: new Histogram({
      name: 'trackwire_ingest_commit_duration_seconds',
      help: 'From the start of a group to its commit, retries included',
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers,
    }),
  }
}

/** What was stored of events, once it is committed. */
export function countEvents({ events }: IngestMetrics, { announced, corrected }: EventChanges): void {
  for (const { event } of announced) events.inc({ event: event.event })
  if (corrected.length > 0) events.inc({ event: 'correction' }, corrected.length)
}
