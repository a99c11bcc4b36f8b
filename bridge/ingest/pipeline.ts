import type { Logger } from 'pino'
import type { Database } from '../store/database.ts'
import type { DayPartitions } from '../store/partitions.ts'
import type { Announcer } from './announcer.ts'
import type { DeviceClocks } from './clocks/device-clocks.ts'
import type { Committer } from './committer.ts'
import type { ConnectivityWatch } from './connectivity.ts'
import type { DeviceAlarms } from './device-alarms.ts'
import type { DeviceRegistry } from './device-registry.ts'
import type { DeviceTimers } from './device-timers.ts'
import type { FenceCatalogue } from './fence-catalogue.ts'
import type { QueuedFix } from './fix-queue.ts'
import type { IncidentDesk } from './incident-desk.ts'
import type { LivePositions } from './live-positions.ts'
import type { IngestMetrics } from './metrics.ts'
import type { OpenAlerts } from './open-alerts.ts'
import type { ProximityWatch } from './proximity.ts'
import type { RuleCatalogue } from './rule-catalogue.ts'
import type { StateCache } from './state-cache.ts'
import type { EventListener } from './store-events.ts'

/** What the steps of the pipeline share. All of it mirrors what is committed and changes only after a commit. */
export interface Pipeline {
  readonly db: Database
  readonly logger: Logger
  readonly metrics: IngestMetrics
  readonly now: () => number
  readonly closing: AbortSignal
  /** Takes what an attempt may have left in the outbox, before anything younger of the same device is announced. Never rejects. */
  readonly afterUnknownOutcome: () => Promise<void>
  readonly partitions: DayPartitions
  readonly devices: DeviceRegistry
  readonly states: StateCache
  readonly clocks: DeviceClocks
  readonly fences: FenceCatalogue
  readonly rules: RuleCatalogue
  readonly alerts: OpenAlerts
  readonly deviceAlarms: DeviceAlarms
  readonly incidents: IncidentDesk
  readonly announcer: Announcer
  readonly positions: LivePositions
  readonly committer: () => Committer<QueuedFix>
  readonly timers: () => DeviceTimers
  readonly connectivity: () => ConnectivityWatch
  readonly proximity: () => ProximityWatch
  /** Positions are kept for other brokers by the transactions that store them. */
  readonly keepsForBridges: boolean
  /** Hears of changes of events within their transaction. */
  readonly eventListener?: EventListener | undefined
}
