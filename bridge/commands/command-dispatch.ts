import type { Logger } from 'pino'
import { OrderedLanes } from '../ingest/ordered-lanes.ts'
import { startTicker } from '../ingest/ticker.ts'
import {
  type CommandRow,
  hasLater,
  listDevicesUnderWay,
  listExpired,
  listUnderWay,
  saveHold,
} from '../store/commands.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { findDevice } from '../store/queries/devices.ts'
import { type ChangeContext, changeCommand } from './change-command.ts'
import type { CommandLink, CommandSender, CommandType } from './command-sender.ts'
import { holdOf, isInterlocked, isReleasable, RELEASES } from './interlock.ts'

/** What is due by the clock, and held commands, are looked at so often. */
const LOOK_MS = 1_000
const EXPIRED_AT_ONCE = 200
/** Held commands of devices that nothing connects are looked at every so many times. */
const AWAY_EVERY_LOOKS = 30
/** Devices whose commands are worked on side by side. */
const PARALLEL = 8

export interface DispatchOptions extends ChangeContext {
  readonly senders: readonly CommandSender[]
  readonly logger: Logger
}

/**
 * Hands commands to their devices in their contact windows, and ends those whose time is over. What is due are rows: after a restart all
 * of it is found again. A command is marked as sent before it is written, so that one that must not be done twice is not.
 */
export class CommandDispatch {
  readonly #options: DispatchOptions
  readonly #lanes = new OrderedLanes(PARALLEL)
  /** Devices for which something may be under way. */
  readonly #underWay = new Map<string, DeviceKey>()
  /** Those of them that are to be looked at without a sign of life: a command is held back by its interlock. */
  readonly #held = new Map<string, DeviceKey>()
  /** Over which link a command of a device was handed over, by its id. */
  readonly #handed = new Map<string, Map<string, string>>()
  /** Devices whose turn is still to come. */
  readonly #asked = new Set<string>()
  #ticker: { close(): Promise<void> } | undefined
  #looks = 0
  #closed = false

  constructor(options: DispatchOptions) {
    this.#options = options
  }

  /** Takes up what an earlier process left. */
  async start(): Promise<void> {
    const { db, logger } = this.#options
    for (const device of await listDevicesUnderWay(db)) {
      this.#underWay.set(keyOf(device), device)
      // Why they wait is looked at anew.
      this.#held.set(keyOf(device), device)
    }
    const failed = (error: unknown) => {
      if (!this.#closed) logger.warn({ err: error }, 'due commands could not be looked at; trying again')
    }
    this.#ticker = startTicker(LOOK_MS, () => this.#look(), failed)
  }

  /** What connects the device now, of the first transport that does. */
  linkOf(device: DeviceKey): CommandLink | null {
    for (const sender of this.#options.senders) {
      const link = sender.linkOf(device)
      if (link !== null) return link
    }
    return null
  }

  /** What devices of a transport understand; null: any name. */
  typesOf(transport: string): readonly CommandType[] | null {
    for (const sender of this.#options.senders) {
      const types = sender.typesOf(transport)
      if (types !== null) return types
    }
    return null
  }

  /** The device gave a sign of life. Costs nothing while no command is under way for it. */
  contact(device: DeviceKey): void {
    if (this.#underWay.size === 0) return
    const key = keyOf(device)
    if (!this.#underWay.has(key) || this.#asked.has(key)) return
    this.#asked.add(key)
    void this.#turn(device, () => this.#asked.delete(key))
  }

  /** A command of the device was queued. Resolves when it was handed over, or waits. */
  queued(device: DeviceKey): Promise<void> {
    this.#underWay.set(keyOf(device), device)
    return this.#turn(device)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#ticker?.close()
    await this.#lanes.idle()
  }

  #turn(device: DeviceKey, begins = () => {}): Promise<void> {
    return new Promise(resolve => {
      this.#lanes.add(keyOf(device), async () => {
        begins()
        if (!this.#closed) await this.#send(device).catch(error => this.#warn(error, device))
        resolve()
      })
    })
  }

  #warn(error: unknown, device: DeviceKey): void {
    this.#held.set(keyOf(device), device)
    this.#options.logger.warn({ err: error, ...device }, 'commands could not be sent; trying again')
  }

  async #look(): Promise<void> {
    const { db, now } = this.#options
    if (!db.isShared && this.#underWay.size === 0) return
    for (;;) {
      const expired = await listExpired(db, now(), EXPIRED_AT_ONCE)
      for (const key of expired) await changeCommand(this.#options, key, { happening: 'expired' })
      if (expired.length < EXPIRED_AT_ONCE || this.#closed) break
    }
    this.#looks += 1
    for (const device of this.#held.values()) {
      // Nothing can go out to one that is away: why it is held back is told less often.
      if (this.#looks % AWAY_EVERY_LOOKS === 0 || this.linkOf(device) !== null) this.contact(device)
    }
  }

  /** Everything of one device whose turn has come, the oldest first. */
  async #send(device: DeviceKey): Promise<void> {
    const { db, now } = this.#options
    const rows = await listUnderWay(db, device)
    this.#remember(device, rows)
    const link = this.linkOf(device)
    let holds = false
    for (const found of rows) {
      // One whose time is over is ended by the clock.
      if (found.expiresAt <= now()) continue
      if (await this.#isReleased(found)) continue
      const row = found.state === 'sent' ? await this.#takeBack(found, link) : found
      if (row === null) continue
      const held = await this.#hold(row, link)
      if (held !== row.held) await saveHold(db, row, held)
      if (held !== null) {
        holds = true
        continue
      }
      // The others still hear why they wait.
      if (link?.isFree) await this.#handOver(row, link)
    }
    if (holds) this.#held.set(keyOf(device), device)
    else this.#held.delete(keyOf(device))
  }

  #remember(device: DeviceKey, rows: readonly CommandRow[]): void {
    const key = keyOf(device)
    if (rows.length === 0) {
      this.#underWay.delete(key)
      this.#handed.delete(key)
      return
    }
    // It may have been forgotten between the asking and this turn.
    this.#underWay.set(key, device)
    const sent = new Set(rows.flatMap(({ state, commandId }) => (state === 'sent' ? [commandId] : [])))
    const handed = this.#handed.get(key)
    for (const id of handed?.keys() ?? []) if (!sent.has(id)) handed?.delete(id)
  }

  /** A vehicle that was let go since is not stopped by what waited before that. */
  async #isReleased(row: CommandRow): Promise<boolean> {
    if (!isReleasable(row.name) || !(await hasLater(this.#options.db, row, RELEASES))) return false
    if (row.state === 'queued') {
      const note = 'the vehicle was let go by a later command'
      await changeCommand(this.#options, row, { happening: 'cancelled', note })
    }
    return true
  }

  /** One that was handed to a connection that is gone is sent again, unless doing it twice is more than doing it once. */
  async #takeBack(row: CommandRow, link: CommandLink | null): Promise<CommandRow | null> {
    if (link === null || this.#handed.get(keyOf(row))?.get(row.commandId) === link.id) return null
    const type = link.types?.find(({ name }) => name === row.name)
    if (link.types !== null && type?.repeatable !== true) return null
    const outcome = await changeCommand(this.#options, row, { happening: 'returned' })
    return outcome?.changed ? outcome.row : null
  }

  async #hold({ org, deviceId, name, args }: CommandRow, link: CommandLink | null): Promise<string | null> {
    const { db, now } = this.#options
    if (!isInterlocked({ name, args }, raw => link?.rawStopsVehicle(raw) ?? false)) return null
    const device = await findDevice(db, org, deviceId)
    return holdOf(device?.newest ?? null, now())
  }

  async #handOver(row: CommandRow, link: CommandLink): Promise<void> {
    const { logger } = this.#options
    const { org, deviceId, commandId, name } = row
    const write = link.prepare(row)
    if (write === null) {
      const error = `${link.transport} has no command ${name} with these arguments`
      await changeCommand(this.#options, row, { happening: 'refused', error })
      return
    }
    const outcome = await changeCommand(this.#options, row, { happening: 'sent', transport: link.transport })
    // Cancelled or expired meanwhile.
    if (!outcome?.changed) return
    const handed = this.#handed.get(keyOf(row)) ?? new Map<string, string>()
    this.#handed.set(keyOf(row), handed.set(commandId, link.id))
    logger.info({ org, deviceId, commandId, name, transport: link.transport }, 'command sent')
    write()
  }
}

function keyOf({ org, deviceId }: DeviceKey): string {
  return `${org}/${deviceId}`
}
