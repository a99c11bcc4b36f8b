import { useEffect, useRef, useState } from 'react'
import type { SosAlert } from '../live/sos.ts'

const KEY = 'trackwire.sos-notification'

export interface SosNotification {
  /** False where the browser has none: then there is nothing to switch on. */
  readonly possible: boolean
  readonly on: boolean
  /** The browser asks the user the first time; a refusal leaves it off. */
  toggle(): void
}

/** A notification of the system for each new SOS, once the user has switched it on: seen with the browser behind other windows. */
export function useSosNotification(alerts: readonly SosAlert[], nameOf: (deviceId: string) => string): SosNotification {
  const possible = 'Notification' in globalThis
  const [on, setOn] = useState(
    () => possible && Notification.permission === 'granted' && localStorage.getItem(KEY) === 'on',
  )
  /** What was open when it was switched on, or has been told. A new round is news again. */
  const told = useRef(new Set<string>())

  useEffect(() => {
    const fresh = alerts.filter(alert => alert.acknowledged === null && !told.current.has(keyOf(alert)))
    for (const alert of fresh) told.current.add(keyOf(alert))
    if (!on || !document.hidden) return
    for (const alert of fresh) {
      const notification = new Notification(`${alert.drill ? 'SOS drill' : 'SOS'}: ${nameOf(alert.deviceId)}`, {
        body: alert.message ?? 'Nobody has acknowledged it yet.',
        tag: alert.alertId,
        requireInteraction: true,
      })
      notification.onclick = () => {
        window.focus()
        location.hash = `#/sos?id=${encodeURIComponent(alert.alertId)}`
        notification.close()
      }
    }
  }, [alerts, on, nameOf])

  return {
    possible,
    on,
    async toggle() {
      const next = !on && (await Notification.requestPermission()) === 'granted'
      localStorage.setItem(KEY, next ? 'on' : 'off')
      setOn(next)
    },
  }
}

const keyOf = ({ alertId, round }: SosAlert): string => `${alertId}/${round}`
