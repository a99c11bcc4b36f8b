import type { DeviceCommand, WaitingReason } from '../../contract/index.ts'
import type { CommandRow } from '../store/commands.ts'
import { WAITING_MESSAGES } from './interlock.ts'

/** A command as the outside sees it. */
export function commandView(row: CommandRow): DeviceCommand {
  const { commandId: id, deviceId, name, args, state, createdBy, createdAt, expiresAt, attempts } = row
  const code = waitingReason(row)
  const told = {
    confirmedBy: row.confirmedBy,
    confirmedAt: row.confirmedAt,
    transport: row.transport,
    sentAt: row.sentAt,
    deliveredAt: row.deliveredAt,
    endedAt: row.endedAt,
    result: row.result,
    error: row.error,
  }
  return {
    id,
    deviceId,
    name,
    args,
    state,
    ...(code !== null && { waitsFor: { code, message: WAITING_MESSAGES[code] } }),
    createdBy,
    createdAt,
    expiresAt,
    attempts,
    ...(Object.fromEntries(Object.entries(told).filter(([, value]) => value !== null)) as Partial<DeviceCommand>),
  }
}

function waitingReason({ state, held }: CommandRow): WaitingReason | null {
  if (state === 'awaiting-confirmation') return 'second-person'
  return state === 'queued' ? ((held as WaitingReason | null) ?? 'contact') : null
}
