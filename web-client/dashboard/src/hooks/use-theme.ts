import { createContext, useCallback, useContext, useLayoutEffect, useState } from 'react'
import type { Theme } from '../map/palette.ts'
import { useMedia } from './use-media.ts'

const KEY = 'trackwire.theme'

function stored(): Theme | null {
  const theme = localStorage.getItem(KEY)
  return theme === 'light' || theme === 'dark' ? theme : null
}

/** The system's theme until the user chooses; the choice is kept. */
export function useTheme(): { readonly theme: Theme; toggle(): void } {
  const system: Theme = useMedia('(prefers-color-scheme: dark)') ? 'dark' : 'light'
  const [chosen, setChosen] = useState(stored)
  const theme = chosen ?? system
  useLayoutEffect(() => {
    document.documentElement.dataset.theme = theme
  }, [theme])
  const toggle = useCallback(() => {
    const next = theme === 'dark' ? 'light' : 'dark'
    localStorage.setItem(KEY, next)
    setChosen(next)
  }, [theme])
  return { theme, toggle }
}

export const ThemeContext = createContext<Theme>('light')

/** The theme that is shown, for what draws its colours itself: maps and charts. */
export function useShownTheme(): Theme {
  return useContext(ThemeContext)
}
