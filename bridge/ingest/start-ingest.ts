import { buildTopic, FUTURE_TOLERANCE_MS, TrackwireError } from '../../contract/index.ts'
import type { Act } from '../store/audit.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { openDayPartitions } from '../store/partitions.ts'
import { deleteUnknown, readKept } from '../store/unknown-devices.ts'
import { Announcer } from './announcer.ts'
import { Backlog } from './backlog.ts'
import { commitJudged } from './clocks/commit-judged.ts'
import { DeviceClocks } from './clocks/device-clocks.ts'
import { acceptSetAside, dropWaiting } from './clocks/judge-set-aside.ts'
import { maybeRollover } from './clocks/week-rollover.ts'
import { commitCard } from './commit-card.ts'
import { commitDueConnectivity } from './commit-connectivity.ts'
import { commitDevice } from './commit-device.ts'
import { commitDeviceAlarms, commitDueAlarms } from './commit-device-alarms.ts'
import { commitDevices } from './commit-devices.ts'
import { commitFenceDeletion, commitFences, prepareFences } from './commit-fences.ts'
import { commitIdentityClash } from './commit-identity-clash.ts'
import { commitDueIncidents, commitIncidentReply, commitIncidentSettings } from './commit-incidents.ts'
import { commitProximityDeletion, commitProximityRule } from './commit-proximity.ts'
import { commitRules } from './commit-rules.ts'
import { commitSosAnswer, commitSosEscalation, commitSosPolicy, commitSosRequest, unknownDevice } from './commit-sos.ts'
import { commitWaypoint } from './commit-waypoint.ts'
import { Committer } from './committer.ts'
import { ConnectivityWatch } from './connectivity.ts'
import { alarmReportsOf, DeviceAlarms, kindsIn, namesIn } from './device-alarms.ts'
import { DeviceRegistry } from './device-registry.ts'
import { DeviceTimers } from './device-timers.ts'
import { FenceCatalogue } from './fence-catalogue.ts'
import { named, type QueuedFix, queueBatch, queueOne } from './fix-queue.ts'
import { Foresight } from './foresight.ts'
import { startHousekeeping } from './housekeeping.ts'
import { IncidentDesk } from './incident-desk.ts'
import type {
  BacklogState,
  ClockCorrectionCall,
  DeviceRegistration,
  FixBatch,
  FixResult,
  Ingest,
  IngestOptions,
  SentFix,
} from './ingest.ts'
import { LivePositions } from './live-positions.ts'
import { type Afterwards, MessageOfOne } from './message-of-one.ts'
import { createMetrics } from './metrics.ts'
import { OpenAlerts } from './open-alerts.ts'
import { persist } from './persist.ts'
import type { Pipeline } from './pipeline.ts'
import { ProximityWatch } from './proximity.ts'
import { republishRetained } from './republish.ts'
import { RuleCatalogue } from './rule-catalogue.ts'
import { startSosTimers } from './sos-timers.ts'
import { keyOf, StateCache } from './state-cache.ts'
import { startSweeps } from './sweep.ts'
import { UnknownDevices } from './unknown-devices.ts'
import { warmUp } from './warm-up.ts'

/** Starts the pipeline on a migrated database. Fences, devices and open alerts are loaded before it resolves. */
export async function startIngest({
  db,
  logger,
  registry,
  now = Date.now,
  retentionRawDays,
  deviceAdoption = 'auto',
  keepsForBridges = false,
}: IngestOptions): Promise<Ingest> {
  const [devices, fences, rules, alerts, deviceAlarms, partitions, clocks] = await Promise.all([
    DeviceRegistry.load(db),
    FenceCatalogue.load(db),
    RuleCatalogue.load(db),
    OpenAlerts.load(db),
    DeviceAlarms.load(db),
    openDayPartitions(db, retentionRawDays),
    DeviceClocks.load(db, now),
  ])
  const incidents = await IncidentDesk.load(db, (org, fenceId) => fences.of(org).get(fenceId)?.feature.properties)
  const closing = new AbortController()
  const announcer = new Announcer({ db, logger, now })
  const positions = new LivePositions({ announcer, alerts })
  const backlog = new Backlog({ logger, now, foresight: new Foresight(() => pipeline) })
  const pipeline: Pipeline = {
    db,
    logger,
    now,
    partitions,
    devices,
    fences,
    rules,
    alerts,
    deviceAlarms,
    clocks,
    incidents,
    announcer,
    positions,
    states: new StateCache(),
    keepsForBridges,
    closing: closing.signal,
    committer: () => committer,
    timers: () => timers,
    connectivity: () => connectivity,
    proximity: () => proximity,
    eventListener: (tx, changes, nowMs) => incidents.hear(tx, changes, nowMs),
    metrics: createMetrics(registry, {
      backlog,
      unannounced: () => announcer.unannounced,
    }),
    afterUnknownOutcome: () =>
      persist(() => announcer.sweepAll(), { logger, closing: closing.signal }).catch(error =>
        logger.warn({ err: error }, 'the outbox could not be read; the next start announces what is in it'),
      ),
  }
  const committer = new Committer<QueuedFix>(items => commitJudged(pipeline, items), {
    logger,
    hasSessions: db.kind === 'postgres',
    waiting: backlog,
  })
  const timers = new DeviceTimers(pipeline)
  timers.start()
  const housekeeping = startHousekeeping({ db, logger, now, partitions, retentionRawDays })
  const sosTimers = startSosTimers(pipeline)
  const connectivity = new ConnectivityWatch(pipeline)
  await connectivity.load(db)
  const proximity = new ProximityWatch(pipeline)
  await proximity.load(db)
  const sweeps = startSweeps(pipeline, [commitDueConnectivity, commitDueAlarms, commitDueIncidents])
  const unknownDevices = new UnknownDevices({ db, logger })
  const ingest = new RunningIngest(pipeline, committer, {
    closing,
    backlog,
    housekeeping,
    sosTimers,
    sweeps,
    unknownDevices,
    deviceAdoption,
  })
  await ingest.takeIn(null)
  return ingest
}

interface Resources {
  readonly closing: AbortController
  readonly backlog: Backlog
  readonly housekeeping: { close(): Promise<void> }
  readonly sosTimers: { close(): Promise<void> }
  readonly sweeps: { close(): Promise<void> }
  readonly unknownDevices: UnknownDevices
  readonly deviceAdoption: 'auto' | 'inbox'
}

class RunningIngest implements Ingest {
  readonly #pipeline: Pipeline
  readonly #committer: Committer<QueuedFix>
  readonly #resources: Resources
  #republishing: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(pipeline: Pipeline, committer: Committer<QueuedFix>, resources: Resources) {
    this.#pipeline = pipeline
    this.#committer = committer
    this.#resources = resources
  }

  /** Most fixes wait for nothing but their commit: none of an async function's own waits, which cost more than the rest of this. */
  fixes(batch: FixBatch): Promise<FixResult[]> {
    if (this.#closed !== undefined) return Promise.reject(new TrackwireError('shutting_down'))
    const key = keyOf(batch)
    if (batch.mayRefuse && !this.#resources.backlog.hasRoomFor(key)) {
      return Promise.reject(new TrackwireError('overloaded'))
    }
    const registers = batch.registers && this.#resources.deviceAdoption === 'auto'
    if (registers || this.#pipeline.devices.has(batch.org, batch.deviceId)) return this.#queue(batch, key, registers)
    return this.#lookUpSender(batch).then(() => this.#queue(batch, key, registers))
  }

  awaited(sent: SentFix): void {
    const nowMs = this.#pipeline.now()
    const key = this.#plainKeyOf(sent, nowMs)
    if (key !== undefined) return void this.#take(sent, { key, nowMs, isAwaited: true })
    const { org, deviceId, fix, receivedAt, registers, bytes, from } = sent
    this.fixes({ org, deviceId, fixes: [fix], hasShape: true, receivedAt, registers, forward: 'repaired', bytes, from })
      .then(
        ([result]) => sent.told(result!),
        error => sent.told(error),
      )
      .catch(error => this.#afterwards.untold(sent, error))
  }

  unawaited(sent: SentFix): 'forward' | 'swallow' | undefined {
    const nowMs = this.#pipeline.now()
    const key = this.#plainKeyOf(sent, nowMs)
    if (key === undefined) return undefined
    const item = this.#take(sent, { key, nowMs, isAwaited: false })
    return item.setAside === undefined ? 'forward' : 'swallow'
  }

  /** Undefined when more than a commit is needed. */
  #plainKeyOf({ org, deviceId, fix }: SentFix, nowMs: number): string | undefined {
    const { devices, clocks } = this.#pipeline
    const key = devices.keyOf(org, deviceId)
    if (this.#closed !== undefined || key === undefined || fix.attributes?.alarms !== undefined) return undefined
    return clocks.correctionMs(key) !== 0 || maybeRollover(fix.timestamp, nowMs) ? undefined : key
  }

  #take(sent: SentFix, { key, nowMs, isAwaited }: { key: string; nowMs: number; isAwaited: boolean }): QueuedFix {
    const { backlog } = this.#resources
    const { timestamp } = sent.fix
    // One of the future is set aside.
    const mayReplace = !isAwaited && timestamp <= nowMs + FUTURE_TOLERANCE_MS
    const older = mayReplace ? backlog.replaceable(key, timestamp) : undefined
    let item: QueuedFix
    try {
      const message = new MessageOfOne(sent, isAwaited, this.#afterwards)
      if (older !== undefined) {
        // In overload almost every fix does: no more is made of it, and its device was heard of with the older one.
        backlog.replace(older, sent, { nowMs, message })
        return older
      }
      item = queueOne(sent, { key, nowMs, message, isAwaited })
    } catch (error) {
      if (error instanceof TrackwireError) this.#pipeline.metrics.fixes.inc({ result: error.code })
      throw error
    }
    try {
      this.#committer.add([item])
    } catch (error) {
      if (isAwaited) throw error
      // It is passed on all the same.
      sent.told(error as Error)
    }
    this.#pipeline.connectivity().heard(sent)
    return item
  }

  readonly #afterwards: Afterwards = {
    repaired: (item, result) => this.#forward([item], [result], 'repaired'),
    alarms: (item, result) => {
      if (!this.#mayConcernAlarms([item])) return
      const { org, deviceId } = item
      return this.alarms({ org, deviceId, reports: alarmReportsOf([item], [result]) })
    },
    untold: ({ org, deviceId }, err) =>
      this.#pipeline.logger.error({ err, org, deviceId }, 'what became of a fix could not be told'),
  }

  #queue(batch: FixBatch, key: string, registers: boolean): Promise<FixResult[]> {
    const { metrics, clocks, now } = this.#pipeline
    const { items, results } = queueBatch(batch, {
      nowMs: now(),
      registers,
      clockOffsetMs: clocks.correctionMs(key),
      onRefused: code => metrics.fixes.inc({ result: code }),
    })
    const cry = batch.sosTold ? undefined : items.find(({ fix }) => namesIn(fix.attributes?.alarms).includes('sos'))
    if (cry === undefined) return this.#store(batch, items, results)
    return this.#cryOf(cry).then(() => this.#store(batch, items, results))
  }

  #store(batch: FixBatch, items: readonly QueuedFix[], results: Promise<FixResult[]>): Promise<FixResult[]> {
    const { org, deviceId, forward } = batch
    try {
      if (items.length > 0) this.#committer.add(items)
    } catch (error) {
      return Promise.reject(error)
    }
    this.#pipeline.connectivity().heard(batch)
    const concernsAlarms = this.#mayConcernAlarms(items)
    const told = !forward
      ? results
      : results.then(settled => {
          this.#forward(items, settled, forward)
          return settled
        })
    if (!concernsAlarms) return told
    return told.then(async settled => {
      await this.alarms({ org, deviceId, reports: alarmReportsOf(items, settled) })
      return settled
    })
  }

  /** An SOS that stands in the attributes of a fix. */
  async #cryOf({ org, deviceId, fix, receivedAt, registers }: QueuedFix): Promise<void> {
    const { timestamp, location } = fix
    const request = { action: 'trigger' as const, id: `fix-${timestamp}`, timestamp, location }
    await this.sos({ org, deviceId, request, receivedAt, registers, principal: deviceId })
  }

  #mayConcernAlarms(items: readonly QueuedFix[]): boolean {
    const [first] = items
    if (first === undefined) return false
    return this.#pipeline.deviceAlarms.openKinds(first).size > 0 || items.some(({ fix }) => fix.attributes?.alarms)
  }

  alarms: Ingest['alarms'] = async ({ org, deviceId, reports }) => {
    const open = this.#pipeline.deviceAlarms.openKinds({ org, deviceId })
    if (kindsIn(reports, open).length === 0) return
    await this.#committer.change(() => commitDeviceAlarms(this.#pipeline, { org, deviceId }, reports))
  }

  /** A repeat was forwarded before, and what is set aside is not to be seen. */
  #forward(items: readonly QueuedFix[], results: readonly FixResult[], which: true | 'repaired'): void {
    for (const { index, org, deviceId, fix } of items) {
      const result = results[index]
      if (result?.status !== 'stored' || (which === 'repaired' && result.repaired === undefined)) continue
      const topic = buildTopic('location', { org, deviceId })
      const timestamp = result.repaired?.timestamp ?? fix.timestamp
      const payload = JSON.stringify(named({ ...fix, timestamp }, deviceId))
      void this.#pipeline.announcer.live(topic, () => ({ topic, payload, qos: 1, retain: false }))
    }
  }

  /** A device that nobody knows goes to the inbox, and its sender is told. */
  async #lookUpSender(batch: FixBatch): Promise<void> {
    try {
      await this.#lookUp(batch)
    } catch (error) {
      if (!isUnknownDevice(error)) throw error
      const { org, deviceId, fixes, receivedAt, from } = batch
      const [channel, payload] = fixes.length === 1 ? ['location', fixes[0]] : ['location/batch', fixes]
      if (from !== undefined) {
        this.unknownDevices.heard({ org, deviceId, channel: channel as string, payload, fixes, from, receivedAt })
      }
      throw error
    }
  }

  /** Another node or process may have registered it since. */
  async #lookUp({ org, deviceId }: { org: string; deviceId: string }): Promise<void> {
    const { db, devices } = this.#pipeline
    await persist(() => devices.refresh(db, [{ org, deviceId }]), this.#pipeline)
    if (!devices.has(org, deviceId)) throw unknownDevice(deviceId)
  }

  /** A device's own SOS registers it however devices are adopted: nobody who cries for help waits for an administrator. */
  sos: Ingest['sos'] = async call => {
    this.#pipeline.connectivity().heard(call)
    const isNew = !this.deviceExists(call.org, call.deviceId)
    try {
      const taken = await this.#committer.urgent(() => commitSosRequest(this.#pipeline, call))
      if (isNew) void this.takeIn([call])
      return taken
    } catch (error) {
      const { org, deviceId, request, from, receivedAt } = call
      if (isUnknownDevice(error) && from !== undefined) {
        this.unknownDevices.heard({ org, deviceId, channel: 'sos', payload: request, fixes: [], from, receivedAt })
      }
      throw error
    }
  }

  answerSos: Ingest['answerSos'] = reply => this.#committer.urgent(() => commitSosAnswer(this.#pipeline, reply))

  escalateSos: Ingest['escalateSos'] = call => this.#committer.urgent(() => commitSosEscalation(this.#pipeline, call))

  putSosPolicy: Ingest['putSosPolicy'] = (change, act) =>
    this.#committer.urgent(() => commitSosPolicy(this.#pipeline, change, act))

  async putFence(...[org, feature, act]: Parameters<Ingest['putFence']>): Promise<{ created: boolean }> {
    const prepared = await prepareFences([feature])
    const created = await this.#committer.change(() => commitFences(this.#pipeline, org, prepared, act))
    return { created: created === 1 }
  }

  async importFences(...[org, features, act]: Parameters<Ingest['importFences']>): Promise<number> {
    const prepared = await prepareFences(features)
    await this.#committer.change(() => commitFences(this.#pipeline, org, prepared, act))
    return features.length
  }

  deleteFence: Ingest['deleteFence'] = (org, fenceId, act) =>
    this.#committer.change(() => commitFenceDeletion(this.#pipeline, org, fenceId, act))

  putWaypoint: Ingest['putWaypoint'] = async (device, waypoint) =>
    commitWaypoint(this.#pipeline, device, waypoint, work => this.#committer.change(work))

  putCard: Ingest['putCard'] = (device, card) => this.#committer.change(() => commitCard(this.#pipeline, device, card))

  setRules: Ingest['setRules'] = (subject, settings, act) =>
    this.#committer.change(() => commitRules(this.#pipeline, subject, settings, act))

  async registerDevice(device: DeviceRegistration, act?: Act): Promise<{ created: boolean; kept: number }> {
    const created = await this.#committer.change(() => commitDevice(this.#pipeline, device, act))
    return { created, kept: created ? await this.takeIn([device]) : 0 }
  }

  get unknownDevices(): UnknownDevices {
    return this.#resources.unknownDevices
  }

  isAdmitted({ org, deviceId, registers }: Pick<FixBatch, 'org' | 'deviceId' | 'registers'>): boolean {
    return (registers && this.#resources.deviceAdoption === 'auto') || this.deviceExists(org, deviceId)
  }

  /**
   * What was heard of devices before they were registered becomes their history. What cannot be taken in now stays in the inbox
   * until the next start. @param devices null: all
   */
  async takeIn(devices: readonly DeviceKey[] | null): Promise<number> {
    const { db, logger, now } = this.#pipeline
    let kept = 0
    try {
      for (const device of await this.unknownDevices.registeredSince(devices)) {
        const { org, deviceId } = device
        const fixes = await readKept(db, device)
        if (fixes.length > 0) {
          const results = await this.fixes({ org, deviceId, fixes, receivedAt: now(), registers: false, sosTold: true })
          kept += results.filter(({ status }) => status === 'stored').length
        }
        await deleteUnknown(db, [device])
      }
    } catch (error) {
      logger.warn({ err: error }, 'what was heard of a device before it was registered could not be taken in')
    }
    return kept
  }

  registerDevices: Ingest['registerDevices'] = async (org, devices, act) => {
    const plan = await this.#committer.change(() => commitDevices(this.#pipeline, org, devices, act))
    if (plan.created.length > 0) await this.takeIn(plan.created)
    return plan
  }

  async correctClock(correction: ClockCorrectionCall, act?: Act): Promise<void> {
    const { org, deviceId } = correction
    if (!this.deviceExists(org, deviceId)) await this.#lookUp(correction)
    await this.#committer.change(() => this.#pipeline.clocks.correct(this.#pipeline, correction, act))
  }

  acceptSetAside: Ingest['acceptSetAside'] = (selection, time, act) =>
    this.#committer.change(() => acceptSetAside(this.#pipeline, selection, time, act))

  dropSetAside: Ingest['dropSetAside'] = (selection, act) =>
    this.#committer.change(() => dropWaiting(this.#pipeline, selection, act))

  deviceSession: Ingest['deviceSession'] = ({ org, deviceId, connected }) =>
    this.#pipeline.connectivity().session({ org, deviceId }, connected)

  identityClash: Ingest['identityClash'] = clash =>
    this.#committer.change(() => commitIdentityClash(this.#pipeline, clash))

  proximityRules: Ingest['proximityRules'] = org => this.#pipeline.proximity().rulesOf(org)

  putProximityRule: Ingest['putProximityRule'] = (org, ruleId, rule, act) =>
    this.#committer.change(() => commitProximityRule(this.#pipeline, { org, ruleId, rule }, act))

  deleteProximityRule: Ingest['deleteProximityRule'] = (org, ruleId, act) =>
    this.#committer.change(() => commitProximityDeletion(this.#pipeline, { org, ruleId }, act))

  answerIncidents: Ingest['answerIncidents'] = reply =>
    this.#committer.change(() => commitIncidentReply(this.#pipeline, reply))

  incidentSettings: Ingest['incidentSettings'] = org => this.#pipeline.incidents.settings(org)

  setIncidentSettings: Ingest['setIncidentSettings'] = (org, settings, act) =>
    this.#committer.change(() => commitIncidentSettings(this.#pipeline, { org, settings }, act))

  get backlog(): BacklogState {
    const { length: fixes, bytes, isOverloaded: overloaded } = this.#resources.backlog
    return { fixes, bytes, overloaded }
  }

  deviceExists(org: string, deviceId: string): boolean {
    return this.#pipeline.devices.has(org, deviceId)
  }

  announce: Ingest['announce'] = async publish => {
    const { announcer, logger } = this.#pipeline
    await announcer.start(publish, work => this.#committer.change(work))
    this.#republishing = republishRetained(this.#pipeline).catch(error =>
      logger.warn({ err: error }, 'retained messages could not be published again'),
    )
  }

  async warmUp(): Promise<void> {
    if (this.#pipeline.db.kind === 'postgres') return
    await warmUp(this.#pipeline, () => this.#resources.backlog.length === 0)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const { closing, housekeeping, sosTimers, sweeps } = this.#resources
    const { positions, announcer, timers } = this.#pipeline
    closing.abort()
    const { connectivity, proximity } = this.#pipeline
    const swept = Promise.all([sweeps.close(), connectivity().close(), proximity().close()])
    await this.#committer.close()
    await sosTimers.close()
    await timers().close()
    await swept
    await this.#republishing
    await positions.close()
    await announcer.close()
    await housekeeping.close()
    await this.unknownDevices.close()
  }
}

function isUnknownDevice(error: unknown): boolean {
  return error instanceof TrackwireError && error.code === 'device_unknown'
}
