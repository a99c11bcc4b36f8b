import { useEffect } from 'react'

const TITLE = 'Trackwire'

/** An open SOS is seen in the tab, also when another one is in front. @param urgent alerts nobody has acknowledged */
export function useSosSignal(open: number, urgent: number): void {
  useEffect(() => {
    document.title = open === 0 ? TITLE : `${urgent > 0 ? '🔴' : '🟠'} ${open} SOS · ${TITLE}`
    const icon = document.getElementById('favicon') as HTMLLinkElement | null
    if (icon !== null) icon.href = open === 0 ? '/favicon.svg' : '/favicon-sos.svg'
    return () => {
      document.title = TITLE
      if (icon !== null) icon.href = '/favicon.svg'
    }
  }, [open, urgent])
}
