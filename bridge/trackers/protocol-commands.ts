import type { CommandType } from '../commands/command-sender.ts'
import type { Decoded } from './protocol.ts'

/** A command on its way to a tracker. */
export interface TrackerCommand {
  readonly id: string
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
  /** Counts up from 1 with every command of the connection; for protocols whose answers bear the number of the question. */
  readonly number: number
}

/** Whom a command is for, as far as the connection knows. */
export interface Addressee<Memory> {
  readonly memory: Memory
  /** IMEI or serial number. */
  readonly identity: string | null
  /** The newest frame: some makers' commands begin as their reports do. */
  readonly frame: Buffer
}

/** What a device said to a command that it was sent. */
export interface DeviceAnswer {
  /** Of the command. */
  readonly id: string
  readonly outcome: 'delivered' | 'executed' | 'failed'
  /** Its words, as far as it has any. */
  readonly text?: string
}

/** What the devices of a protocol can be told, and what they answer. Pure, like the rest of the protocol. */
export interface ProtocolCommands<Memory = unknown> {
  readonly types: readonly CommandType[]
  readonly transports: readonly ('tcp' | 'udp')[]
  /** @returns null for what the protocol cannot say */
  encode(command: TrackerCommand, to: Addressee<Memory>): Buffer | null
  /** Whether text of a raw command has to do with the vehicle's relay. */
  stopsVehicle(text: string): boolean
  /** Whether the devices answer it; what they do not answer has arrived when they go on talking. */
  isAnswered(command: TrackerCommand): boolean
  /**
   * Which of the commands that wait for their answer, the oldest first, the frame answers; null: none.
   * @param decoded of the frame
   */
  readAnswer(frame: Buffer, decoded: Decoded<Memory>, waiting: readonly TrackerCommand[]): DeviceAnswer | null
}
