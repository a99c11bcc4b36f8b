import {
  buildFilter,
  type DeviceStatus,
  type ErrorNotice,
  type FenceFeature,
  type LocationUpdate,
  parseTopic,
  type SosEvent,
} from '../../../../contract/index.ts'
import type { AlertEvent } from './alerts.ts'

/** What arrives over MQTT, decoded. A null value means that the retained message was cleared. */
export type LiveMessage =
  | {
      readonly kind: 'fix'
      readonly deviceId: string
      readonly fix: LocationUpdate
      /** Only on what the platform kept: its age says nothing of the line. */
      readonly retained?: true
    }
  | { readonly kind: 'status'; readonly deviceId: string; readonly status: DeviceStatus | null }
  | { readonly kind: 'fence'; readonly fenceId: string; readonly fence: FenceFeature | null }
  | { readonly kind: 'alert'; readonly event: AlertEvent }
  | { readonly kind: 'sos'; readonly event: SosEvent }
  | { readonly kind: 'sosOpen'; readonly deviceId: string; readonly event: SosEvent | null }
  | { readonly kind: 'error'; readonly notice: ErrorNotice }

export interface Subscription {
  readonly filter: string
  readonly qos: 0 | 1
}

/** What the dashboard subscribes to: positions may be lost (the next one comes), alerts may not. */
export function subscriptionsOf(org: string, sub: string): Subscription[] {
  return [
    { filter: buildFilter('sosOpen', { org }), qos: 1 },
    { filter: `${org}/notifications/sos/#`, qos: 1 },
    { filter: `${org}/notifications/geofence/#`, qos: 1 },
    { filter: `${org}/notifications/device/#`, qos: 1 },
    { filter: buildFilter('fence', { org }), qos: 1 },
    { filter: buildFilter('status', { org }), qos: 1 },
    { filter: buildFilter('last', { org }), qos: 0 },
    { filter: buildFilter('location', { org }), qos: 0 },
    { filter: buildFilter('errors', { org, userId: sub }), qos: 0 },
  ]
}

/**
 * In a larger fleet `last` alone is enough: every new position moves it, also one of a batch, at most once a second for
 * each device. Then `location`, which says the same again, is given up, and with it half of the messages.
 */
export const LAST_ALONE_ABOVE_DEVICES = 300
export const locationFilter = (org: string): string => buildFilter('location', { org })

const decoder = new TextDecoder()

/**
 * Decodes one message. What the platform forwards was validated at its edge, so only what would break the view is
 * checked again; anything unexpected is null.
 */
export function decodeMessage(topic: string, payload: Uint8Array, retained = false): LiveMessage | null {
  const parsed = parseTopic(topic)
  if (parsed === null) return null
  const { channel, params } = parsed
  const value = payload.length === 0 ? null : readJson(payload)
  if (value === undefined) return null
  switch (channel) {
    case 'location':
    case 'last':
      if (!isFix(value)) return null
      return { kind: 'fix', deviceId: params.deviceId!, fix: value, ...(retained ? { retained } : {}) }
    case 'status':
      return { kind: 'status', deviceId: params.deviceId!, status: value as DeviceStatus | null }
    case 'fence':
      return { kind: 'fence', fenceId: params.fenceId!, fence: value as FenceFeature | null }
    case 'geofenceNotification':
    case 'deviceNotification':
      return hasId(value) ? { kind: 'alert', event: value as unknown as AlertEvent } : null
    case 'sosNotification':
      return hasId(value) ? { kind: 'sos', event: value as unknown as SosEvent } : null
    case 'sosOpen':
      return { kind: 'sosOpen', deviceId: params.deviceId!, event: value as SosEvent | null }
    case 'errors':
      return value === null ? null : { kind: 'error', notice: value as ErrorNotice }
    default:
      return null
  }
}

function readJson(payload: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(decoder.decode(payload))
    return typeof value === 'object' ? value : undefined
  } catch {
    return undefined
  }
}

function hasId(value: unknown): value is { id: string } {
  return typeof (value as { id?: unknown } | null)?.id === 'string'
}

/** Whether the value has what a dot on the map needs. */
export function isFix(value: unknown): value is LocationUpdate {
  const fix = value as LocationUpdate | null
  return Number.isFinite(fix?.timestamp) && Number.isFinite(fix?.location?.lat) && Number.isFinite(fix?.location?.lng)
}
