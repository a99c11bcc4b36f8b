import { useEffect } from 'react'

const TITLE = 'Trackwire'

/**
 * An open SOS is seen in the tab, also when another one is in front.
 * @param urgent alerts nobody has acknowledged
 * @param page the name of the page, or null on the map
 */
export function useSosSignal(open: number, urgent: number, page: string | null): void {
  useEffect(() => {
    const title = page === null ? TITLE : `${page} · ${TITLE}`
    document.title = open === 0 ? title : `${urgent > 0 ? '🔴' : '🟠'} ${open} SOS · ${title}`
    const icon = document.getElementById('favicon') as HTMLLinkElement | null
    if (icon !== null) icon.href = open === 0 ? '/favicon.svg' : '/favicon-sos.svg'
    return () => {
      document.title = TITLE
      if (icon !== null) icon.href = '/favicon.svg'
    }
  }, [open, urgent, page])
}
