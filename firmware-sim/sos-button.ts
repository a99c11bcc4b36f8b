import type { Location, SosRequest } from '../contract/index.ts'
import type { FleetEvent } from './fleet-event.ts'
import type { Session } from './link.ts'

export interface SosButton {
  /** Opens an alert, or joins the open one; returns its id. The request is kept until a session takes it. */
  press(message?: string): string
  cancel(): void
  /** Sends whatever is not acknowledged yet, in order. Called on every new session and after every press. */
  flush(session: Session): void
  /** Whether everything pressed was acknowledged. */
  isQuiet(): boolean
}

export interface SosButtonOptions {
  readonly topic: string
  readonly deviceId: string
  readonly now: () => number
  readonly position: () => Location | undefined
  readonly onEvent: (event: FleetEvent) => void
  readonly onAcknowledged: () => void
}

/** The red button: a press outlives lost connections, and its repeats carry the same id, so they are one alert. */
export function createSosButton(options: SosButtonOptions): SosButton {
  const unacknowledged: { readonly request: SosRequest; sentOn: Session | undefined }[] = []
  let openId: string | undefined

  function enqueue(action: SosRequest['action'], id: string, message?: string) {
    const location = options.position()
    const request: SosRequest = {
      action,
      id,
      timestamp: options.now(),
      ...(location === undefined ? {} : { location }),
      ...(message === undefined ? {} : { message }),
    }
    unacknowledged.push({ request, sentOn: undefined })
  }

  return {
    press(message) {
      if (openId !== undefined) return openId
      // The time makes the id new in every run, as a device's own counter would.
      openId = `${options.deviceId.slice(0, 46)}-sos-${options.now()}`
      enqueue('trigger', openId, message)
      options.onEvent({ type: 'sos-triggered', deviceId: options.deviceId, sosId: openId })
      return openId
    },
    cancel() {
      if (openId === undefined) return
      enqueue('cancel', openId)
      options.onEvent({ type: 'sos-cancelled', deviceId: options.deviceId, sosId: openId })
      openId = undefined
    },
    flush(session) {
      for (const entry of unacknowledged) {
        if (entry.sentOn === session) continue
        entry.sentOn = session
        session.publish(options.topic, JSON.stringify(entry.request), { qos: 1 }).then(
          () => {
            unacknowledged.splice(unacknowledged.indexOf(entry), 1)
            options.onAcknowledged()
          },
          () => options.onAcknowledged(),
        )
      }
    },
    isQuiet: () => unacknowledged.length === 0,
  }
}
