import type { CommandLink, CommandToSend, CommandType } from '../commands/command-sender.ts'
import type { Decoded, Protocol } from './protocol.ts'
import type { Addressee, DeviceAnswer, TrackerCommand } from './protocol-commands.ts'
import { rawWords } from './raw-command.ts'

/** A connection that was silent for longer may be dead without anybody knowing: its next frame is waited for. */
const HEARD_LATELY_MS = 120_000
/** A command that was not answered until then does not keep the next one waiting. */
const ANSWER_WITHIN_MS = 60_000

interface WaitingCommand extends TrackerCommand {
  readonly sentAt: number
}

/** What the link needs of its connection. */
export interface LinkedConnection {
  readonly protocol: Protocol<unknown>
  readonly now: () => number
  readonly addressee: () => Addressee<unknown>
  send(bytes: Buffer): void
}

/** Commands over one tracker's connection: one after the other, as most devices answer without saying what. */
export class TrackerLink implements CommandLink {
  readonly id: string
  readonly transport: string
  readonly types: readonly CommandType[]
  readonly #connection: LinkedConnection
  readonly #commands: NonNullable<Protocol<unknown>['commands']>
  #waiting: WaitingCommand[] = []
  #sent = 0
  #heardAt = Number.NEGATIVE_INFINITY

  constructor(id: string, connection: LinkedConnection, commands: NonNullable<Protocol<unknown>['commands']>) {
    this.id = id
    this.transport = connection.protocol.name
    this.types = commands.types
    this.#connection = connection
    this.#commands = commands
  }

  get isFree(): boolean {
    const nowMs = this.#connection.now()
    const owesAnswer = this.#waiting.some(({ sentAt }) => nowMs - sentAt < ANSWER_WITHIN_MS)
    return !owesAnswer && nowMs - this.#heardAt < HEARD_LATELY_MS
  }

  rawStopsVehicle(args: Readonly<Record<string, unknown>>): boolean {
    return this.#commands.stopsVehicle(rawWords(args))
  }

  prepare({ commandId, name, args }: CommandToSend): (() => void) | null {
    const command = { id: commandId, name, args, number: this.#sent + 1 }
    const bytes = this.#commands.encode(command, this.#connection.addressee())
    if (bytes === null) return null
    return () => {
      const sentAt = this.#connection.now()
      this.#sent += 1
      // The answer to one that is long unanswered is not to be taken for the answer to this one.
      this.#waiting = this.#waiting.filter(waiting => sentAt - waiting.sentAt < ANSWER_WITHIN_MS)
      this.#waiting.push({ ...command, sentAt })
      this.#connection.send(bytes)
    }
  }

  /** What a frame says of the commands that wait for their answer. */
  heard(frame: Buffer, decoded: Decoded<unknown>, receivedAt: number): DeviceAnswer[] {
    this.#heardAt = receivedAt
    if (this.#waiting.length === 0) return []
    const answer = this.#commands.readAnswer(frame, decoded, this.#waiting)
    const answers = answer === null ? [] : [answer]
    for (const command of this.#waiting) {
      // What is never answered has arrived when the device goes on talking over the same connection.
      const hasGoneOn = !this.#commands.isAnswered(command) && receivedAt > command.sentAt
      if (hasGoneOn && command.id !== answer?.id) answers.push({ id: command.id, outcome: 'delivered' })
    }
    const over = new Set(answers.map(({ id }) => id))
    this.#waiting = this.#waiting.filter(({ id }) => !over.has(id) || isDeliveredAlone(answer, id))
    return answers
  }
}

/** The device has the command and will say more. */
function isDeliveredAlone(answer: DeviceAnswer | null, id: string): boolean {
  return answer?.id === id && answer.outcome === 'delivered'
}
