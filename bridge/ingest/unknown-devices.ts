import type { Logger } from 'pino'
import { checkFix, type LocationUpdate, TrackwireError } from '../../contract/index.ts'
import type { Database } from '../store/database.ts'
import type { DeviceKey } from '../store/device-states.ts'
import {
  evictOldest,
  type HeardDevice,
  type KeptFix,
  keepFixes,
  listRegisteredSince,
  recordHeard,
  trimFixes,
} from '../store/unknown-devices.ts'
import { isShuttingDown } from './committer.ts'
import { keyOf } from './state-cache.ts'
import { startTicker } from './ticker.ts'

/** Who sent a message, as far as it is known. */
export interface MessageOrigin {
  readonly sub: string
  readonly role: string
  readonly address?: string | undefined
}

/** A message of a device that nobody has registered. */
export interface UnknownMessage extends DeviceKey {
  /** The channel it came on, or what it was sent as. */
  readonly channel: string
  readonly payload: unknown
  /** The fixes in it, not yet judged. */
  readonly fixes: readonly unknown[]
  readonly from: MessageOrigin
  readonly receivedAt: number
}

/** Refused messages come as often as senders like: they are written down together. */
const FLUSH_MS = 1_000
/** A device that was dismissed comes back after it was silent for so long. */
const SILENT_MS = 86_400_000
const MAX_UNKNOWN_DEVICES = 1_000
const MAX_KEPT_FIXES = 100
const MAX_MESSAGE_BYTES = 8_192
/** Devices heard between two writes; beyond, new ones have to be heard again. */
const MAX_PENDING = 5_000

interface Pending extends HeardDevice {
  readonly fixes: Map<number, KeptFix>
}

/**
 * The inbox of devices that nobody knows: when they were heard, how often, from whom, their last message and their newest
 * fixes. In memory for up to a second, then in the database. Its fixes become history when the device is registered.
 */
export class UnknownDevices {
  readonly #db: Database
  readonly #logger: Logger
  #pending = new Map<string, Pending>()
  #flushing: Promise<void> = Promise.resolve()
  readonly #ticker: { close(): Promise<void> }

  constructor({ db, logger }: { db: Database; logger: Logger }) {
    this.#db = db
    this.#logger = logger
    this.#ticker = startTicker(
      FLUSH_MS,
      () => this.flush(),
      error => {
        if (!isShuttingDown(error))
          logger.warn({ err: error }, 'unknown devices could not be written down; tried again')
      },
    )
  }

  heard(message: UnknownMessage): void {
    const { org, deviceId, channel, from, receivedAt } = message
    const key = keyOf(message)
    const before = this.#pending.get(key)
    if (before === undefined && this.#pending.size >= MAX_PENDING) return
    const fixes = before?.fixes ?? new Map<number, KeptFix>()
    for (const fix of message.fixes) keep(fixes, fix, message)
    this.#pending.set(key, {
      org,
      deviceId,
      firstSeen: before?.firstSeen ?? receivedAt,
      lastSeen: receivedAt,
      count: (before?.count ?? 0) + 1,
      channel,
      lastMessage: bounded(message),
      sender: from.sub,
      senderRole: from.role,
      address: from.address ?? null,
      fixes,
    })
    if (before === undefined)
      this.#logger.info({ org, deviceId, sender: from.sub }, 'a device that is not registered was heard')
  }

  /** Resolves when what was heard before is in the database. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.catch(() => {}).then(() => this.#write())
    return this.#flushing
  }

  async #write(): Promise<void> {
    if (this.#pending.size === 0) return
    const heard = this.#pending
    this.#pending = new Map()
    try {
      await this.#db.transaction(async tx => {
        const states = await recordHeard(
          tx,
          [...heard.values()].map(({ fixes: _, ...device }) => device),
          SILENT_MS,
        )
        const waiting = states.filter(({ state }) => state === 'waiting')
        const fixes = waiting.flatMap(device => [...(heard.get(keyOf(device))?.fixes.values() ?? [])])
        if (fixes.length > 0) {
          await keepFixes(tx, fixes)
          await trimFixes(tx, waiting, MAX_KEPT_FIXES)
        }
        await evictOldest(tx, [...new Set(states.map(({ org }) => org))], MAX_UNKNOWN_DEVICES)
      })
    } catch (error) {
      for (const [key, device] of heard) if (!this.#pending.has(key)) this.#pending.set(key, device)
      throw error
    }
  }

  /** Those of these devices (null: of all) that were heard before they were registered. */
  async registeredSince(among: readonly DeviceKey[] | null): Promise<DeviceKey[]> {
    await this.flush()
    return listRegisteredSince(this.#db, among)
  }

  async close(): Promise<void> {
    await this.#ticker.close()
    await this.flush().catch(error => this.#logger.warn({ err: error }, 'unknown devices could not be written down'))
  }
}

/** Only what could be stored is kept: a fix that would be refused tomorrow is refused today. */
function keep(fixes: Map<number, KeptFix>, value: unknown, { org, deviceId, receivedAt }: UnknownMessage): void {
  let fix: LocationUpdate
  try {
    fix = checkFix(value, deviceId, receivedAt)
  } catch (error) {
    if (error instanceof TrackwireError) return
    throw error
  }
  fixes.set(fix.timestamp, { org, deviceId, receivedAt, fix })
  if (fixes.size > MAX_KEPT_FIXES) fixes.delete(Math.min(...fixes.keys()))
}

function bounded({ payload, fixes }: UnknownMessage): unknown {
  const bytes = Buffer.byteLength(JSON.stringify(payload) ?? '')
  if (bytes <= MAX_MESSAGE_BYTES) return payload ?? {}
  const newest = fixes.at(-1)
  const fits = newest !== undefined && Buffer.byteLength(JSON.stringify(newest)) <= MAX_MESSAGE_BYTES
  return { truncated: true, bytes, ...(fits && { newest }) }
}
