import { buildTopic, type Command, type SosEvent } from '../../contract/index.ts'
import { type Fix, isOpen, type SosAlert, sosOpenView, sosReceivedId } from '../../geofence-engine/index.ts'
import type { OutgoingMessage } from '../store/outbox.ts'

/** A device that comes back later need not be told any more. */
const COMMAND_TTL_MS = 3_600_000

export function notification(org: string, event: SosEvent): OutgoingMessage {
  const topic = buildTopic('sosNotification', { org, event: event.event, deviceId: event.deviceId })
  return { topic, payload: JSON.stringify(event), qos: 1, retain: false }
}

/** The retained alert of the device; empty once it is closed. */
export function openMessage(org: string, alert: SosAlert, newest: Fix | null): OutgoingMessage {
  const topic = buildTopic('sosOpen', { org, deviceId: alert.deviceId })
  const payload = isOpen(alert) ? JSON.stringify(sosOpenView(org, alert, newest)) : ''
  return { topic, payload, qos: 1, retain: true }
}

/** Tells the device that its trigger was received. */
export function receivedCommand(org: string, alert: SosAlert, requestId: string, nowMs: number): OutgoingMessage {
  const { alertId, deviceId, drill } = alert
  const args = { alertId, requestId, ...(drill === undefined ? {} : { drill }) }
  return command(org, deviceId, sosReceivedId(org, alertId, requestId), 'sos-received', args, nowMs)
}

/** Tells the device that somebody looks after its alert. */
export function acknowledgedCommand(org: string, event: SosEvent, nowMs: number): OutgoingMessage {
  const { alertId, deviceId, by, drill } = event
  const args = {
    alertId,
    ...(by === undefined ? {} : { by }),
    text: drill === true ? 'drill: somebody answered' : 'help is coming',
    ...(drill === undefined ? {} : { drill }),
  }
  return command(org, deviceId, event.id, 'sos-acknowledged', args, nowMs)
}

function command(
  org: string,
  deviceId: string,
  commandId: string,
  name: string,
  args: Record<string, unknown>,
  nowMs: number,
): OutgoingMessage {
  const payload: Command = { name, args, expiresAt: nowMs + COMMAND_TTL_MS }
  const topic = buildTopic('command', { org, deviceId, commandId })
  return { topic, payload: JSON.stringify(payload), qos: 1, retain: false }
}
