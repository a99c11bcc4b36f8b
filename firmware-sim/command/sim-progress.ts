import type { Counters, FleetEvent } from '../fleet-event.ts'

export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

export interface Progress {
  event(event: FleetEvent): void
  /** Stops the updates and prints the summary. */
  end(ok: boolean): void
}

export interface ProgressOptions {
  readonly stdout: Output
  readonly json: boolean
  readonly devices: number
  readonly counters: () => Counters
  readonly now: () => number
}

/** Of these a person wants to know at once; connections and batches are in the progress line. */
const TOLD = new Set<FleetEvent['type']>(['refused', 'sos-triggered', 'sos-cancelled', 'notice', 'link-cut'])
/** Refusals of a fleet come in hundreds; the first few say it all. */
const MOST_REFUSALS_TOLD = 20

/** Shows what a fleet does: one line that updates itself on a terminal, a line every few seconds elsewhere, or JSON lines. */
export function startProgress({ stdout, json, devices, counters, now }: ProgressOptions): Progress {
  const startMs = now()
  const terminal = stdout.isTTY === true && !json
  const everyMs = terminal ? 500 : json ? 1_000 : 5_000
  let lastMs = startMs
  let lastAcknowledged = 0
  let refusalsTold = 0
  let lastLine = ''

  function show() {
    const current = counters()
    const seconds = Math.max(0.001, (now() - lastMs) / 1_000)
    const rate = (current.acknowledged - lastAcknowledged) / seconds
    lastMs = now()
    lastAcknowledged = current.acknowledged
    if (json)
      return void stdout.write(
        `${JSON.stringify({ type: 'progress', time: now(), rate: Math.round(rate), ...current })}\n`,
      )
    const line = [
      clock(now() - startMs),
      `${current.connected}/${devices} devices`,
      `${current.sent} sent`,
      `${current.acknowledged} acknowledged`,
      `${current.buffered} buffered`,
      `${current.refused} refused`,
      `${rate.toFixed(rate < 10 ? 1 : 0)}/s`,
    ].join(' · ')
    if (!terminal) return void stdout.write(`${line}\n`)
    lastLine = line.slice(0, Math.max(20, (stdout.columns ?? 100) - 1))
    stdout.write(`\r\u001B[K${lastLine}`)
  }

  function tell(text: string) {
    stdout.write(terminal ? `\r\u001B[K${text}\n${lastLine}` : `${text}\n`)
  }

  const timer = setInterval(show, everyMs)
  return {
    event(event) {
      if (json) return void stdout.write(`${JSON.stringify({ time: now(), ...event })}\n`)
      if (!TOLD.has(event.type)) return
      if (event.type === 'refused') refusalsTold += 1
      if (refusalsTold > MOST_REFUSALS_TOLD && event.type === 'refused') return
      tell(sentenceOf(event))
    },
    end(ok) {
      clearInterval(timer)
      const total = counters()
      const seconds = (now() - startMs) / 1_000
      if (json) {
        return void stdout.write(
          `${JSON.stringify({ type: 'summary', ok, seconds: Math.round(seconds * 10) / 10, ...total })}\n`,
        )
      }
      if (terminal) stdout.write('\r\u001B[K')
      stdout.write(
        `${devices} devices, ${seconds.toFixed(1)} s: ${total.taken} fixes taken, ${total.acknowledged} acknowledged ` +
          `(${total.resent} of them from the buffer), ${total.buffered} not sent, ${total.refused} refused, ` +
          `${total.dropped} lost, ${total.reconnects} reconnects, ${(total.acknowledged / Math.max(0.001, seconds)).toFixed(1)} fixes/s\n`,
      )
    },
  }
}

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`
}

function sentenceOf(event: FleetEvent): string {
  const { deviceId } = event
  if (event.type === 'refused') return `${deviceId}: refused, ${event.code}: ${event.message}`
  if (event.type === 'sos-triggered') return `${deviceId}: SOS ${event.sosId}`
  if (event.type === 'sos-cancelled') return `${deviceId}: SOS ${event.sosId} cancelled`
  if (event.type === 'link-cut') return `${deviceId}: link cut for ${event.seconds} s`
  return event.type === 'notice' ? `${deviceId}: ${event.message}` : `${deviceId}: ${event.type}`
}
