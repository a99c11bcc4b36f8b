import { useEffect, useState } from 'react'
import { Icon } from './icons.tsx'

export function CopyButton({ text, label = 'Copy' }: { readonly text: string; readonly label?: string }) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => setDone(false), 1_500)
    return () => clearTimeout(timer)
  }, [done])
  // Without a secure context there is no clipboard; the text can still be selected.
  if (navigator.clipboard === undefined) return null
  return (
    <button
      className="button button--small"
      type="button"
      onClick={() =>
        navigator.clipboard.writeText(text).then(
          () => setDone(true),
          () => undefined,
        )
      }
    >
      <Icon name="copy" />
      {done ? 'Copied' : label}
    </button>
  )
}
