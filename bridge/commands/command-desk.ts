import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import {
  type CommandRequest,
  type CommandResult,
  checkSchema,
  type DeviceCommand,
  TrackwireError,
} from '../../contract/index.ts'
import { canonicalJson } from '../ingest/canonical-json.ts'
import { type Act, recordAudit } from '../store/audit.ts'
import {
  type CommandKey,
  type CommandRow,
  countByState,
  countWaiting,
  deleteCommandsBefore,
  findCommand,
  insertCommand,
  insertCommandEvent,
} from '../store/commands.ts'
import type { Database } from '../store/database.ts'
import type { DeviceKey } from '../store/device-states.ts'
import { type ChangeContext, type CommandChange, changeCommand } from './change-command.ts'
import { CommandDispatch } from './command-dispatch.ts'
import { commandMetrics } from './command-metrics.ts'
import { checkRequest, checkResult, DEFAULT_TTL_MS } from './command-request.ts'
import type { CommandLink, CommandSender, CommandType } from './command-sender.ts'
import { commandView } from './command-view.ts'
import { needsSecondPerson } from './interlock.ts'

/** How long the history of a device's commands is kept. */
const KEPT_MS = 365 * 86_400_000
/** What may wait for one device. */
const MAX_WAITING = 100

export interface CommandDeskOptions {
  readonly db: Database
  readonly logger: Logger
  readonly registry: Registry
  /** In the order in which they are tried. */
  readonly senders: readonly CommandSender[]
  readonly deviceExists: (org: string, deviceId: string) => boolean
  readonly now?: (() => number) | undefined
}

export interface CommandCall extends DeviceKey {
  readonly request: CommandRequest
  /** The `sub` of whoever asks. */
  readonly by: string
  /** IP address it comes from. */
  readonly address?: string | undefined
}

export interface CommandAnswer extends CommandKey {
  readonly by: string
  readonly act: Act
}

/** What a device, or the connection to it, says of a command. */
export interface CommandWord extends CommandKey {
  readonly outcome: 'delivered' | 'executed' | 'failed'
  readonly result?: unknown
  readonly error?: string | undefined
}

/** Commands to devices: asked for, confirmed, sent, answered. Every promise resolves after the commit. */
export class CommandDesk {
  readonly #context: ChangeContext
  readonly #dispatch: CommandDispatch
  readonly #options: CommandDeskOptions

  constructor(options: CommandDeskOptions) {
    const { db, registry, senders, logger, now = Date.now } = options
    this.#options = options
    this.#context = { db, now, metrics: commandMetrics(registry, () => countByState(db)) }
    this.#dispatch = new CommandDispatch({ ...this.#context, senders, logger })
  }

  start(): Promise<void> {
    return this.#dispatch.start()
  }

  close(): Promise<void> {
    return this.#dispatch.close()
  }

  /** The device gave a sign of life over one of its connections: what waits for it goes out. */
  contact(device: DeviceKey): void {
    this.#dispatch.contact(device)
  }

  /** What connects the device now. */
  linkOf(device: DeviceKey): CommandLink | null {
    return this.#dispatch.linkOf(device)
  }

  /** What devices of a transport understand; null: any name. */
  typesOf(transport: string): readonly CommandType[] | null {
    return this.#dispatch.typesOf(transport)
  }

  /**
   * Takes a command. The same id with the same content is the same command.
   * Errors: `device_unknown`, `payload_invalid`, `command_unsupported`, `command_conflict`, `command_limit`.
   */
  async create(call: CommandCall): Promise<{ command: DeviceCommand; created: boolean }> {
    const { db, now } = this.#context
    const { org, deviceId, request } = call
    const { id: commandId = randomUUID(), name, args = {} } = request
    const key = { org, deviceId, commandId }
    const asked = canonicalJson({ name, args, expiresAt: request.expiresAt ?? null })
    const known = await findCommand(db, key)
    if (known !== undefined) return { command: commandView(same(known, asked)), created: false }
    const nowMs = now()
    const { expiresAt = nowMs + DEFAULT_TTL_MS } = request
    checkRequest({ id: commandId, name, args, expiresAt }, nowMs)
    if (!this.#options.deviceExists(org, deviceId)) {
      throw new TrackwireError('device_unknown', `no device ${deviceId} is registered`)
    }
    this.#checkSupported({ ...key, name, args, expiresAt })
    const state = needsSecondPerson(name) ? 'awaiting-confirmation' : 'queued'
    const row = await db.transaction(async tx => {
      await deleteCommandsBefore(tx, key, nowMs - KEPT_MS)
      if ((await countWaiting(tx, key)) >= MAX_WAITING) {
        throw new TrackwireError('command_limit', `${MAX_WAITING} commands wait for ${deviceId} already`)
      }
      const command = { ...key, name, args, request: asked, state, createdBy: call.by, createdAt: nowMs, expiresAt }
      const inserted = await insertCommand(tx, command as Parameters<typeof insertCommand>[1])
      if (inserted === undefined) return undefined
      await insertCommandEvent(tx, key, { at: nowMs, happening: 'created', state, by: call.by, note: null })
      const detail = { id: commandId, name, args, expiresAt }
      const act = { org, actor: call.by, action: 'command.create', target: deviceId, detail, address: call.address }
      await recordAudit(tx, act, nowMs)
      return inserted
    })
    if (row === undefined) {
      // Somebody else was faster with the same id.
      return { command: commandView(same((await findCommand(db, key))!, asked)), created: false }
    }
    this.#context.metrics.entered.inc({ state })
    this.#log(row)
    if (state === 'queued') await this.#dispatch.queued(key)
    return { command: await this.#viewOf(key), created: true }
  }

  /** The second person agrees. Errors: `command_unknown`, `second_person_needed`, `command_closed`. */
  async confirm({ by, act, ...key }: CommandAnswer): Promise<DeviceCommand> {
    const { now } = this.#context
    const mayBe = ({ state, createdBy, confirmedBy, expiresAt }: CommandRow) => {
      if (confirmedBy === by) return
      if (state !== 'awaiting-confirmation' || expiresAt <= now()) {
        throw new TrackwireError('command_closed', `the command waits for no confirmation: it is ${state}`)
      }
      if (createdBy === by) throw new TrackwireError('second_person_needed')
    }
    await this.#change(key, { happening: 'confirmed', by, act, mayBe })
    await this.#dispatch.queued(key)
    return this.#viewOf(key)
  }

  /** Takes back what was not sent yet. Errors: `command_unknown`, `command_closed`. */
  async cancel({ by, act, ...key }: CommandAnswer): Promise<DeviceCommand> {
    const mayBe = ({ state }: CommandRow) => {
      if (state === 'awaiting-confirmation' || state === 'queued' || state === 'cancelled') return
      const why = state === 'sent' ? 'on its way to the device' : state
      throw new TrackwireError('command_closed', `the command cannot be taken back: it is ${why}`)
    }
    return commandView(await this.#change(key, { happening: 'cancelled', by, act, mayBe }))
  }

  /** What the device sent as the result of a command. Errors: `command_unknown`, `command_closed`, `payload_invalid`. */
  async result({ ok, result, error }: CommandResult, key: CommandKey): Promise<void> {
    checkResult(result)
    const mayBe = ({ attempts }: CommandRow) => {
      if (attempts === 0) throw new TrackwireError('command_closed', 'the command was never sent to the device')
    }
    await this.#change(key, { happening: ok ? 'executed' : 'failed', result, error, mayBe })
  }

  /** What is known of a command by the connection it was handed to; of one that is not kept, nothing. */
  async heard({ outcome, result, error, ...key }: CommandWord): Promise<void> {
    const done = await changeCommand(this.#context, key, { happening: outcome, result, error })
    if (done?.changed) this.#log(done.row)
    // The device may get the next one now.
    if (done?.changed) this.#dispatch.contact(key)
  }

  async #change(key: CommandKey, change: CommandChange): Promise<CommandRow> {
    const outcome = await changeCommand(this.#context, key, change)
    if (outcome === undefined) throw unknownCommand(key)
    if (outcome.changed) this.#log(outcome.row)
    return outcome.row
  }

  #log({ org, deviceId, commandId, name, state }: CommandRow): void {
    this.#options.logger.info({ org, deviceId, commandId, name }, `command ${state}`)
  }

  async #viewOf(key: CommandKey): Promise<DeviceCommand> {
    return commandView((await findCommand(this.#context.db, key))!)
  }

  /** What connects the device now knows whether it can be said; of a device that is away, that is seen when it comes. */
  #checkSupported(command: Parameters<CommandLink['prepare']>[0]): void {
    const link = this.#dispatch.linkOf(command)
    if (link === null || link.types === null) return
    const type = link.types.find(({ name }) => name === command.name)
    const known = link.types.map(({ name }) => name).join(', ')
    if (type === undefined) {
      throw new TrackwireError(
        'command_unsupported',
        `${link.transport} has no command ${command.name}; it has ${known}`,
      )
    }
    try {
      checkSchema(type.args, command.args)
    } catch (cause) {
      throw new TrackwireError('command_unsupported', `args: ${(cause as Error).message}`, { cause })
    }
    if (link.prepare(command) === null) throw new TrackwireError('command_unsupported')
  }
}

export function unknownCommand({ deviceId, commandId }: CommandKey): TrackwireError {
  return new TrackwireError('command_unknown', `there is no command ${commandId} for ${deviceId}`)
}

function same(known: CommandRow, asked: string): CommandRow {
  if (known.request === asked) return known
  throw new TrackwireError('command_conflict', `${known.deviceId} has another command of the id ${known.commandId}`)
}
