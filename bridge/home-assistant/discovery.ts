import { createHash } from 'node:crypto'
import {
  buildTopic,
  type DeviceStatus,
  type HomeAssistantAttributes,
  type LocationUpdate,
} from '../../contract/index.ts'

/** A retained message for Home Assistant. */
export interface DiscoveryMessage {
  readonly topic: string
  readonly payload: string
}

export interface DiscoveredDevice {
  readonly org: string
  readonly deviceId: string
  readonly name: string | null
}

/** A measure of a device that becomes a sensor once it is known. */
const SENSORS = {
  battery: { attribute: 'battery_level', name: 'Battery', device_class: 'battery', unit_of_measurement: '%' },
  speed: { attribute: 'speed', name: 'Speed', device_class: 'speed', unit_of_measurement: 'm/s' },
} as const
export type SensorName = keyof typeof SENSORS
export const SENSOR_NAMES = Object.keys(SENSORS) as SensorName[]

const MAX_ID = 64

/**
 * The id of a device as Home Assistant's topics take it: `[A-Za-z0-9_-]` alone. What is not taken, and `_` itself, becomes `_` and its
 * code, so that no two devices meet; what becomes too long by that ends in a hash.
 */
export function nodeIdOf(deviceId: string): string {
  const id = deviceId.replaceAll(
    /[^A-Za-z0-9-]/g,
    character => `_${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  if (id.length <= MAX_ID) return id
  const hash = createHash('sha256').update(deviceId).digest('hex').slice(0, 16)
  return `${id.slice(0, MAX_ID - hash.length - 1)}_${hash}`
}

export function trackerTopic({ org, deviceId }: Pick<DiscoveredDevice, 'org' | 'deviceId'>): string {
  return buildTopic('homeAssistantConfig', { org, component: 'device_tracker', objectId: nodeIdOf(deviceId) })
}

export function sensorTopic({ org, deviceId }: Pick<DiscoveredDevice, 'org' | 'deviceId'>, sensor: SensorName): string {
  const params = { org, component: 'sensor', nodeId: nodeIdOf(deviceId), objectId: sensor }
  return buildTopic('homeAssistantSensorConfig', params)
}

export function trackerConfig(device: DiscoveredDevice, version: string): DiscoveryMessage {
  const { attributes, ...common } = commonConfig(device, version)
  return message(trackerTopic(device), {
    ...common,
    unique_id: common.id,
    // The entity is the device itself, and bears its name.
    name: null,
    source_type: 'gps',
    json_attributes_topic: attributes,
  })
}

export function sensorConfig(device: DiscoveredDevice, sensor: SensorName, version: string): DiscoveryMessage {
  const { attributes, ...common } = commonConfig(device, version)
  const { attribute, ...described } = SENSORS[sensor]
  return message(sensorTopic(device, sensor), {
    ...common,
    ...described,
    unique_id: `${common.id}_${sensor}`,
    state_class: 'measurement',
    state_topic: attributes,
    value_template: `{{ value_json.${attribute} | default(none) }}`,
  })
}

function commonConfig({ org, deviceId, name }: DiscoveredDevice, version: string) {
  const nodeId = nodeIdOf(deviceId)
  const id = `trackwire_${org}_${nodeId}`
  return {
    id,
    attributes: buildTopic('homeAssistantAttributes', { org, nodeId }),
    availability_topic: buildTopic('homeAssistantAvailability', { org, nodeId }),
    device: { identifiers: [id], name: name ?? deviceId, manufacturer: 'Trackwire' },
    origin: { name: 'Trackwire', sw_version: version },
  }
}

function message(topic: string, { id: _, ...config }: { id: string } & Record<string, unknown>): DiscoveryMessage {
  return { topic, payload: JSON.stringify(config) }
}

/** @param battery per cent, where the device tells it beside its positions */
export function attributesOf(fix: LocationUpdate, battery: number | undefined): HomeAssistantAttributes {
  const { lat, lng, accuracy, speed, heading, altitude } = fix.location
  const batteryLevel = fix.metadata?.battery ?? battery
  return {
    latitude: lat,
    longitude: lng,
    ...(accuracy === undefined ? {} : { gps_accuracy: accuracy }),
    ...(altitude === undefined ? {} : { altitude }),
    ...(heading === undefined ? {} : { course: heading }),
    ...(speed === undefined ? {} : { speed }),
    ...(batteryLevel === undefined ? {} : { battery_level: batteryLevel }),
    last_seen: new Date(fix.timestamp).toISOString(),
  }
}

/** A device that only sends positions, and tells nothing of itself, is there. */
export function availabilityOf(status: DeviceStatus | undefined): 'online' | 'offline' {
  return status?.state === 'offline' ? 'offline' : 'online'
}
