import type { LiveMessage } from './messages.ts'

/** What is handed to the view at once. */
export interface Batch {
  readonly messages: readonly LiveMessage[]
  /** When the oldest of them arrived from the network, `Date.now()`. */
  readonly sinceMs: number
}

export interface Inbox {
  take(message: LiveMessage): void
  /** The view has applied what it was handed: it may have more. */
  taken(): void
  close(): void
}

/** Messages are gathered for this long, so that a thousand of them cost the view one change. */
export const GATHER_MS = 50
/** In a large fleet twice a second is as often as the map draws it, and each change costs a copy of the list of devices. */
export const LARGE_FLEET_GATHER_MS = 500
/** Fixes of one device that wait for the view, for its trail; older ones give way. */
export const FIXES_KEPT = 10

type FixMessage = Extract<LiveMessage, { kind: 'fix' }>

/**
 * Holds what arrives until the view takes it. A view that cannot keep up is not handed a queue to work off: it gets one
 * batch at a time, in which the newest fixes and the newest status of each device stand for the older ones. So it
 * draws less often, never later. SOS does not wait at all.
 * @param gatherMs how long messages are gathered now; SOS is not
 */
export function createInbox(deliver: (batch: Batch) => void, gatherMs = (): number => GATHER_MS): Inbox {
  const fixes = new Map<string, FixMessage[]>()
  const statuses = new Map<string, LiveMessage>()
  let events: LiveMessage[] = []
  let sinceMs = 0
  let eventsSinceMs = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let inHand = false

  const flush = (): void => {
    timer = undefined
    const messages = [...events, ...statuses.values(), ...[...fixes.values()].flat()]
    if (messages.length === 0) return
    events = []
    statuses.clear()
    fixes.clear()
    inHand = true
    deliver({ messages, sinceMs })
  }

  const isEmpty = (): boolean => events.length === 0 && statuses.size === 0 && fixes.size === 0

  return {
    take(message) {
      const nowMs = Date.now()
      if (isEmpty()) sinceMs = nowMs
      if (message.kind === 'fix') {
        const waiting = fixes.get(message.deviceId)
        if (waiting === undefined) fixes.set(message.deviceId, [message])
        else {
          waiting.push(message)
          if (waiting.length > FIXES_KEPT) waiting.splice(oldestOf(waiting), 1)
        }
      } else if (message.kind === 'status') statuses.set(message.deviceId, message)
      else {
        if (events.length === 0) eventsSinceMs = nowMs
        events.push(message)
        if (message.kind === 'sos' || message.kind === 'sosOpen') {
          const messages = events
          events = []
          deliver({ messages, sinceMs: eventsSinceMs })
          return
        }
      }
      if (!inHand) timer ??= setTimeout(flush, gatherMs())
    },
    taken() {
      inHand = false
      if (!isEmpty()) timer ??= setTimeout(flush, gatherMs())
    },
    close() {
      clearTimeout(timer)
    },
  }
}

function oldestOf(messages: readonly FixMessage[]): number {
  let oldest = 0
  for (const [i, { fix }] of messages.entries()) if (fix.timestamp < messages[oldest]!.fix.timestamp) oldest = i
  return oldest
}
