import { connect, type Socket } from 'node:net'
import type { BackOffPlan } from '../back-off.ts'
import { type Attempt, keepConnecting } from '../keep-connecting.ts'
import type { Link } from '../link.ts'
import type { Random } from '../random.ts'
import type { TrackerWire } from './tracker-wire.ts'

/** One connection, from the accepted login to its end. */
export interface TrackerSession {
  /** Resolves when the platform acknowledged the message; rejects when the connection ends before that. */
  exchange(bytes: Buffer): Promise<void>
  /** For what is not answered. */
  send(bytes: Buffer): void
}

export interface TrackerLinkOptions {
  readonly host: string
  readonly port: number
  readonly imei: string
  readonly wire: TrackerWire
  readonly backOff: BackOffPlan
  readonly random: Random
  readonly onUp: (session: TrackerSession) => void
  readonly onDown: (reason: string, refused: boolean) => void
  readonly onCommand: (text: string) => void
}

/** Without an answer for so long a device takes the connection for dead. */
const ANSWER_WITHIN_MS = 15_000

/** Keeps one connection of a maker's protocol alive: login, answers, commands. Never throws. */
export function startTrackerLink(options: TrackerLinkOptions): Link {
  const { wire, imei } = options
  let socket: Socket | undefined

  /** Resolves when the connection has ended, or could not be made. */
  function connectOnce(): Promise<Attempt> {
    return new Promise(resolve => {
      const current = connect(options.port, options.host)
      socket = current
      let wasUp = false
      let refused = false
      let reason = 'the connection was lost'
      let received: Buffer = Buffer.alloc(0)
      /** Messages that wait for their answer, in order. */
      const waiting: { done(): void; fail(error: Error): void; timer: NodeJS.Timeout }[] = []

      const giveUp = (why: string) => {
        reason = why
        current.destroy()
      }
      const session: TrackerSession = {
        send: bytes => void current.write(bytes),
        exchange: bytes =>
          new Promise((done, fail) => {
            if (current.destroyed) return fail(new Error(reason))
            const timer = setTimeout(() => giveUp('the platform does not answer'), ANSWER_WITHIN_MS)
            waiting.push({ done, fail, timer })
            current.write(bytes)
          }),
      }
      current.setNoDelay(true)
      current.on('connect', () => {
        session.exchange(wire.login(imei)).then(
          () => {
            wasUp = true
            options.onUp(session)
          },
          () => undefined,
        )
      })
      current.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk])
        try {
          for (let met = wire.read(received); met !== null; met = wire.read(received)) {
            received = received.subarray(met.length)
            const { message } = met
            if (message.kind === 'command') {
              options.onCommand(message.text)
              current.write(message.reply)
            } else if (message.kind === 'refused') {
              refused = true
              giveUp('the platform refused the IMEI')
            } else {
              const answered = waiting.shift()
              clearTimeout(answered?.timer)
              answered?.done()
            }
          }
        } catch (error) {
          giveUp((error as Error).message)
        }
      })
      current.on('error', error => {
        const { code } = error as NodeJS.ErrnoException
        reason = code === 'ECONNREFUSED' ? 'nobody listens at the address of the platform' : error.message
      })
      current.once('close', () => {
        for (const { fail, timer } of waiting.splice(0)) {
          clearTimeout(timer)
          fail(new Error(reason))
        }
        socket = undefined
        resolve({ wasUp, reason, refused })
      })
    })
  }

  const drop = () => void socket?.destroy()
  const { backOff, random, onDown } = options
  const { cut, restore, stop, ended } = keepConnecting({ backOff, random, onDown, connectOnce, drop })
  return {
    cut,
    restore,
    async close() {
      stop()
      drop()
      await ended
    },
  }
}
