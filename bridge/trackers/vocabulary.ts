/**
 * The attributes that mean the same whatever the protocol, with their units in the names. `docs/trackers/README.md` explains
 * them to people. What a protocol knows beside these keeps the maker's name or number (`io72`).
 */
export interface KnownAttributes {
  readonly ignition?: boolean
  readonly motion?: boolean
  /** The device's own battery, per cent. Becomes `metadata.battery`. */
  readonly batteryPercent?: number
  readonly batteryVolts?: number
  readonly charging?: boolean
  /** The vehicle's supply. */
  readonly powerVolts?: number
  readonly externalPower?: boolean
  readonly satellites?: number
  readonly hdop?: number
  readonly pdop?: number
  /** Received strength of the mobile network as the maker gives it: dBm when negative, else a scale of its own. */
  readonly rssi?: number
  /** MCC and MNC as one number, like 26201. */
  readonly operator?: number
  readonly odometerMeters?: number
  readonly tripMeters?: number
  readonly engineHours?: number
  readonly fuelPercent?: number
  readonly fuelLiters?: number
  readonly rpm?: number
  readonly coolantCelsius?: number
  readonly deviceCelsius?: number
  readonly obdSpeedMetersPerSecond?: number
  readonly door?: boolean
  readonly armed?: boolean
  /** The immobiliser is on. */
  readonly blocked?: boolean
  readonly driverId?: string
  readonly iccid?: string
  readonly vin?: string
  readonly firmware?: string
  /** It was buffered by the device before it was sent. */
  readonly archived?: boolean
  readonly steps?: number
  /** Bit masks of digital inputs and outputs, input 1 in the lowest bit. */
  readonly inputs?: number
  readonly outputs?: number
  /** What the frame is about, by the maker's number or name. */
  readonly event?: number | string
}

export type AttributeValue = string | number | boolean
export type Attributes = {
  readonly [Name in keyof KnownAttributes]: KnownAttributes[Name] | undefined
} & Readonly<Record<string, AttributeValue | undefined>>
