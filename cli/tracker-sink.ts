import type { Logger } from 'pino'
import {
  alarmReportsOf,
  type CommandDesk,
  type Database,
  type Ingest,
  locationUpdatesOf,
  organisationsOfDevice,
  pinTracker,
  sosOf,
  TrackerRefused,
  type TrackerSink,
  telemetryOf,
} from '../bridge/index.ts'
import type { Publish } from '../broker/index.ts'
import { buildTopic, type DeviceStatus, isId } from '../contract/index.ts'

const CLASH_AGAIN_MS = 600_000
const MOST_CLASHES_TOLD = 10_000

/** Connects the listeners of native protocols with the ingest pipeline: a tracker is the device whose id is its IMEI. */
export function trackerSink(options: {
  db: Database
  ingest: Ingest
  commands: CommandDesk
  publish: Publish
  logger: Logger
  /** In whose inbox trackers wait that nobody registered. */
  unknownOrg: string
  now?: () => number
}): TrackerSink {
  const { db, ingest, commands, publish, logger, unknownOrg, now = Date.now } = options

  function say(device: { org: string; deviceId: string }, status: DeviceStatus): void {
    const payload = JSON.stringify({ since: now(), ...status })
    void publish({ topic: buildTopic('status', device), payload, qos: 1, retain: true }).catch(error =>
      logger.debug({ err: error }, 'a status was not published'),
    )
  }

  const told = new Map<string, number>()

  /** Whoever tries again and again is told of once in a while. */
  function tellClash(device: { org: string; deviceId: string }, peers: readonly string[]): void {
    const key = `${device.org}/${device.deviceId}`
    if (now() - (told.get(key) ?? 0) < CLASH_AGAIN_MS) return
    if (told.size >= MOST_CLASHES_TOLD) told.clear()
    told.set(key, now())
    ingest
      .identityClash({ ...device, timestamp: now() })
      .catch(error => logger.warn({ err: error, ...device, peers }, 'an identity clash was not stored'))
  }

  return {
    get isOverloaded() {
      return ingest.backlog.overloaded
    },

    async identify(identity, { protocol, peer }) {
      if (!isId(identity)) return null
      const orgs = await organisationsOfDevice(db, identity)
      if (orgs.length > 1)
        logger.warn({ identity }, 'two organisations have a device of this number: it is taken for neither')
      if (orgs.length !== 1) return null
      const device = { org: orgs[0]!, deviceId: identity }
      const pinned = await pinTracker(db, device, protocol, now())
      if (pinned === protocol) return device
      tellClash(device, [peer, `its own protocol, ${pinned}`])
      throw new TrackerRefused(`${identity} came over ${protocol}; it is pinned to ${pinned} until that is released`)
    },

    unknown(identity, reports, { protocol, peer, receivedAt }) {
      if (!isId(identity)) return
      ingest.unknownDevices.heard({
        org: unknownOrg,
        deviceId: identity,
        channel: protocol,
        payload: reports.at(-1) ?? { login: identity },
        fixes: locationUpdatesOf(reports, receivedAt),
        from: { sub: protocol, role: 'device', address: peer },
        receivedAt,
      })
    },

    async store(device, reports, { protocol, transport, receivedAt }) {
      // A cry for help before all else that came with it.
      for (const report of reports) {
        const request = sosOf(report, protocol, receivedAt)
        if (request !== null) {
          await ingest.sos({ ...device, request, receivedAt, registers: false, principal: device.deviceId })
        }
      }
      const fixes = locationUpdatesOf(reports, receivedAt)
      if (fixes.length > 0) {
        const results = await ingest.fixes({
          ...device,
          fixes,
          receivedAt,
          registers: false,
          forward: true,
          sosTold: true,
        })
        for (const result of results) {
          if (result.status === 'refused') logger.debug({ ...device, code: result.code }, result.message)
        }
      }
      await ingest.alarms({ ...device, reports: alarmReportsOf(reports, receivedAt) })
      const telemetry = telemetryOf(reports.filter(({ position }) => !position?.valid))
      if (telemetry !== null) say(device, { state: 'online', connection: `${protocol}/${transport}`, ...telemetry })
    },

    session(device, connected, { protocol, transport }) {
      ingest.deviceSession({ ...device, connected })
      say(device, connected ? { state: 'online', connection: `${protocol}/${transport}` } : { state: 'offline' })
    },

    contact: device => commands.contact(device),

    answered(device, { id: commandId, outcome, text }) {
      const said = text === undefined ? {} : outcome === 'failed' ? { error: text } : { result: text }
      commands
        .heard({ ...device, commandId, outcome, ...said })
        .catch(error => logger.warn({ err: error, ...device, commandId }, 'the answer to a command was not stored'))
    },

    clash(device, peers) {
      logger.warn({ ...device, peers }, 'one number on two connections at once: two trackers, or a copied one')
      tellClash(device, peers)
    },
  }
}
