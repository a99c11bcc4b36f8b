import { useEffect, useRef, useState } from 'react'
import { createSosSound, type SosSound } from '../panels/sos-sound.ts'

/** Sounds while an alert waits for someone, once the user has switched it on. */
export function useSosSound(urgent: boolean): { readonly on: boolean; toggle(): void } {
  const [on, setOn] = useState(false)
  const sound = useRef<SosSound | null>(null)
  useEffect(() => {
    if (on && urgent) sound.current?.start()
    else sound.current?.stop()
  }, [on, urgent])
  useEffect(() => () => sound.current?.close(), [])
  return {
    on,
    toggle() {
      sound.current ??= createSosSound()
      setOn(!on)
    },
  }
}
