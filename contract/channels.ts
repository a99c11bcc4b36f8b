import type Type from 'typebox'
import type { TSchema } from 'typebox'
import type { Role } from './claims.ts'
import { Command, CommandResult } from './command.ts'
import { DeviceEvent } from './device-event.ts'
import { DeviceStatus } from './device-status.ts'
import { ErrorNotice } from './error-notice.ts'
import { FenceFeature } from './fence.ts'
import { GeofenceEvent } from './geofence-event.ts'
import { HomeAssistantAttributes, HomeAssistantConfig } from './home-assistant.ts'
import { Incident } from './incident.ts'
import { LocationBatch, LocationUpdate } from './location-update.ts'
import { SosAnswer, SosEvent, SosRequest, SosTrailPoint } from './sos.ts'

/**
 * Whose messages a role may send or read on a channel:
 * `own` = the id in the topic is the token's `sub`; `granted` = devices granted to the token; `any` = any of the organisation.
 */
export type Scope = 'own' | 'granted' | 'any'
export type Rights = Readonly<Partial<Record<Role, Scope>>>

/** Token buckets of messages (contract §7); every message but an SOS draws from `message` too. */
export type MessageClass = 'location' | 'chat' | 'general'

export interface Channel {
  /** Topic template. `{org}` is the organisation; a parameter with choices reads `{event:enter|exit}`. */
  readonly template: string
  readonly summary: string
  /** JSON Schema (TypeBox) of the payload; null where the payload is plain text. */
  readonly payload: TSchema | null
  /** Who may publish besides the platform itself. */
  readonly publish: Rights
  readonly subscribe: Rights
  readonly qos: 0 | 1
  readonly retain: boolean
  /** Which token bucket a message draws from; SOS has none. */
  readonly rateClass: MessageClass | 'none'
  /** Whether the message (or what it causes) is committed before it is acknowledged. */
  readonly stored: boolean
  /** Whether what a client publishes is passed on to subscribers of the same topic. */
  readonly forwarded: boolean
}

const TELEMETRY: Rights = { device: 'own', driver: 'granted', service: 'any' }
const DEVICE_READERS: Rights = {
  device: 'own',
  driver: 'granted',
  user: 'granted',
  dispatcher: 'any',
  admin: 'any',
  service: 'any',
}
const NOTIFICATION_READERS: Rights = {
  driver: 'granted',
  user: 'granted',
  dispatcher: 'any',
  admin: 'any',
  service: 'any',
}
const EVERYONE: Rights = { device: 'any', driver: 'any', user: 'any', dispatcher: 'any', admin: 'any', service: 'any' }
const ONESELF: Rights = { device: 'own', driver: 'own', user: 'own', dispatcher: 'own', admin: 'own', service: 'own' }
const DISPATCHERS: Rights = { dispatcher: 'any', admin: 'any' }
const PLATFORM_ONLY: Rights = {}
const WATCH: Rights = { dispatcher: 'any', admin: 'any', service: 'any' }

/**
 * The one table of channels: topics, schemas, rights, limits, storage, types and docs are all made from it.
 * A new feature starts with a row here.
 */
export const CHANNELS = {
  location: {
    template: '{org}/devices/{deviceId}/location',
    summary: 'One fix. With QoS 1 the PUBACK means stored.',
    payload: LocationUpdate,
    publish: TELEMETRY,
    subscribe: DEVICE_READERS,
    qos: 1,
    retain: false,
    rateClass: 'location',
    stored: true,
    forwarded: true,
  },
  locationBatch: {
    template: '{org}/devices/{deviceId}/location/batch',
    summary: 'Up to 1,000 fixes buffered while offline, in any order. Late ones do not move the live position.',
    payload: LocationBatch,
    publish: TELEMETRY,
    subscribe: DEVICE_READERS,
    qos: 1,
    retain: false,
    rateClass: 'location',
    stored: true,
    forwarded: false,
  },
  last: {
    template: '{org}/devices/{deviceId}/last',
    summary: 'The newest fix, retained, at most one a second per device.',
    payload: LocationUpdate,
    publish: PLATFORM_ONLY,
    subscribe: DEVICE_READERS,
    qos: 0,
    retain: true,
    rateClass: 'general',
    stored: false,
    forwarded: false,
  },
  status: {
    template: '{org}/devices/{deviceId}/status',
    summary: 'Online, idle or offline, retained; also what a device sets as its will.',
    payload: DeviceStatus,
    publish: TELEMETRY,
    subscribe: DEVICE_READERS,
    qos: 1,
    retain: true,
    rateClass: 'general',
    stored: false,
    forwarded: true,
  },
  sos: {
    template: '{org}/devices/{deviceId}/sos',
    summary: 'Trigger or cancel an SOS. Never rate limited, before all other work.',
    payload: SosRequest,
    publish: TELEMETRY,
    subscribe: DEVICE_READERS,
    qos: 1,
    retain: false,
    rateClass: 'none',
    stored: true,
    forwarded: false,
  },
  command: {
    template: '{org}/devices/{deviceId}/commands/{commandId}',
    summary:
      'Something a device is asked to do, or told. What a dispatcher publishes is kept as a command and sent in the next contact window of the device.',
    payload: Command,
    publish: DISPATCHERS,
    subscribe: { device: 'own', driver: 'granted', dispatcher: 'any', admin: 'any', service: 'any' },
    qos: 1,
    retain: false,
    rateClass: 'general',
    stored: true,
    forwarded: false,
  },
  commandResult: {
    template: '{org}/devices/{deviceId}/commands/{commandId}/result',
    summary: 'What became of a command, by its device.',
    payload: CommandResult,
    publish: { device: 'own' },
    subscribe: { device: 'own', driver: 'granted', dispatcher: 'any', admin: 'any', service: 'any' },
    qos: 1,
    retain: false,
    rateClass: 'general',
    stored: true,
    forwarded: true,
  },
  fence: {
    template: '{org}/fences/{fenceId}',
    summary: 'A fence as a GeoJSON Feature, retained; an empty payload when it is deleted.',
    payload: FenceFeature,
    publish: PLATFORM_ONLY,
    subscribe: EVERYONE,
    qos: 1,
    retain: true,
    rateClass: 'general',
    stored: true,
    forwarded: false,
  },
  geofenceNotification: {
    template: '{org}/notifications/geofence/{event:enter|exit|dwell|correction}/{deviceId}',
    summary: 'A fence was crossed; or an announced crossing does not stand (correction).',
    payload: GeofenceEvent,
    publish: PLATFORM_ONLY,
    subscribe: NOTIFICATION_READERS,
    qos: 1,
    retain: false,
    rateClass: 'general',
    stored: true,
    forwarded: false,
  },
  deviceNotification: {
    template:
      '{org}/notifications/device/{event:online|offline|low-battery|overspeed|idle|moving|stationary|tow|near|far|off-route|identity-clash|power-cut|low-power|tampering|vibration|accident|fall-down|jamming|gps-antenna-cut}/{deviceId}',
    summary: 'A rule of a device, or an alarm that it raised itself: a condition began or ended.',
    payload: DeviceEvent,
    publish: PLATFORM_ONLY,
    subscribe: NOTIFICATION_READERS,
    qos: 1,
    retain: false,
    rateClass: 'general',
    stored: true,
    forwarded: false,
  },
  sosNotification: {
    template: '{org}/notifications/sos/{event:triggered|acknowledged|escalated|resolved|cancelled}/{deviceId}',
    summary: 'An SOS alert changed.',
    payload: SosEvent,
    publish: PLATFORM_ONLY,
    subscribe: NOTIFICATION_READERS,
    qos: 1,
    retain: false,
    rateClass: 'none',
    stored: true,
    forwarded: false,
  },
  sosOpen: {
    template: '{org}/sos/{deviceId}',
    summary: 'The open alert of a device with its newest position, retained; an empty payload when it closes.',
    payload: SosEvent,
    publish: PLATFORM_ONLY,
    subscribe: NOTIFICATION_READERS,
    qos: 1,
    retain: true,
    rateClass: 'none',
    stored: true,
    forwarded: false,
  },
  sosTrail: {
    template: '{org}/sos/{deviceId}/trail',
    summary: 'Every fix of a device that is stored while its alert is open, late ones too.',
    payload: SosTrailPoint,
    publish: PLATFORM_ONLY,
    subscribe: NOTIFICATION_READERS,
    qos: 1,
    retain: false,
    rateClass: 'none',
    stored: true,
    forwarded: false,
  },
  sosAnswer: {
    template: '{org}/sos/{alertId}/{action:acknowledge|resolve}',
    summary: 'A dispatcher acknowledges or resolves an alert.',
    payload: SosAnswer,
    publish: DISPATCHERS,
    subscribe: DISPATCHERS,
    qos: 1,
    retain: false,
    rateClass: 'none',
    stored: true,
    forwarded: false,
  },
  incident: {
    template: '{org}/incidents/{incidentId}',
    summary: 'An alert that people look after, retained while it is open; an empty payload when it is closed.',
    payload: Incident,
    publish: PLATFORM_ONLY,
    subscribe: WATCH,
    qos: 1,
    retain: true,
    rateClass: 'general',
    stored: true,
    forwarded: false,
  },
  homeAssistantConfig: {
    template: '{org}/homeassistant/{component}/{objectId}/config',
    summary:
      'Home Assistant’s discovery of an entity, under the discovery prefix {org}/homeassistant; an empty payload when the device is gone.',
    payload: HomeAssistantConfig,
    publish: PLATFORM_ONLY,
    subscribe: WATCH,
    qos: 1,
    retain: true,
    rateClass: 'general',
    stored: false,
    forwarded: false,
  },
  homeAssistantSensorConfig: {
    template: '{org}/homeassistant/{component}/{nodeId}/{objectId}/config',
    summary: 'The same of one measure of a device, like its battery.',
    payload: HomeAssistantConfig,
    publish: PLATFORM_ONLY,
    subscribe: WATCH,
    qos: 1,
    retain: true,
    rateClass: 'general',
    stored: false,
    forwarded: false,
  },
  homeAssistantAttributes: {
    template: '{org}/homeassistant/{nodeId}/attributes',
    summary: 'Where a device is and what it measures, in the names that Home Assistant knows.',
    payload: HomeAssistantAttributes,
    publish: PLATFORM_ONLY,
    subscribe: WATCH,
    qos: 0,
    retain: true,
    rateClass: 'general',
    stored: false,
    forwarded: false,
  },
  homeAssistantAvailability: {
    template: '{org}/homeassistant/{nodeId}/availability',
    summary: '`online` or `offline`: whether the device can be heard, for Home Assistant.',
    payload: null,
    publish: PLATFORM_ONLY,
    subscribe: WATCH,
    qos: 1,
    retain: true,
    rateClass: 'general',
    stored: false,
    forwarded: false,
  },
  homeAssistantStatus: {
    template: '{org}/homeassistant/status',
    summary: 'Home Assistant’s birth and last will; `online` has everything that it may discover published again.',
    payload: null,
    publish: { service: 'any' },
    subscribe: WATCH,
    qos: 1,
    retain: false,
    rateClass: 'general',
    stored: false,
    forwarded: true,
  },
  errors: {
    template: '{org}/users/{userId}/errors',
    summary: 'What was refused of this principal, and why. Devices read theirs here too.',
    payload: ErrorNotice,
    publish: PLATFORM_ONLY,
    subscribe: ONESELF,
    qos: 0,
    retain: false,
    rateClass: 'general',
    stored: false,
    forwarded: false,
  },
  authToken: {
    template: '$auth/token',
    summary: 'A renewed token of the same sub and org: the connection lives on with its rights.',
    payload: null,
    publish: EVERYONE,
    subscribe: PLATFORM_ONLY,
    qos: 1,
    retain: false,
    rateClass: 'general',
    stored: false,
    forwarded: false,
  },
} as const satisfies Record<string, Channel>

export type ChannelName = keyof typeof CHANNELS
export const CHANNEL_NAMES = Object.keys(CHANNELS) as ChannelName[]

/** The payload type of a channel. */
export type PayloadOf<Name extends ChannelName> = (typeof CHANNELS)[Name]['payload'] extends infer Schema
  ? Schema extends TSchema
    ? Type.Static<Schema>
    : string
  : never
