import type { TSchema } from 'typebox'
import type { DeviceKey } from '../store/device-states.ts'

/** A command on its way to a device. */
export interface CommandToSend extends DeviceKey {
  readonly commandId: string
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number
}

/** A command that a device understands by name. */
export interface CommandType {
  readonly name: string
  readonly summary: string
  /** JSON Schema of its `args`. */
  readonly args: TSchema
  /** Doing it twice is doing it once: sent again when nobody knows whether it arrived. */
  readonly repeatable: boolean
}

/** How devices of one transport are sent commands: over MQTT, over a tracker's own protocol, to an app. */
export interface CommandSender {
  /** What connects the device right now; null when nothing of this transport does. */
  linkOf(device: DeviceKey): CommandLink | null
  /** What devices of one of its transports understand, also of one that is away; null: any name, or no transport of its. */
  typesOf(transport: string): readonly CommandType[] | null
}

/** The connection of one device, as far as commands go. */
export interface CommandLink {
  /** Another one with every connection of the device. */
  readonly id: string
  /** `mqtt`, or the name of the protocol. */
  readonly transport: string
  /** Null: the device takes any name. */
  readonly types: readonly CommandType[] | null
  /** Whether a command can go out at this moment: the device was heard of lately and owes no answer. */
  readonly isFree: boolean
  /** Whether raw text would stop the vehicle. */
  rawStopsVehicle(args: Readonly<Record<string, unknown>>): boolean
  /** Writes nothing yet: what hands the command over; null when the protocol cannot say it. */
  prepare(command: CommandToSend): (() => void) | null
}
