import { type KeyboardEvent, useId } from 'react'
import './parts.css'

interface Props<Id extends string> {
  readonly label: string
  readonly tabs: readonly (readonly [id: NoInfer<Id>, label: string])[]
  readonly chosen: Id
  onChoose(id: NoInfer<Id>): void
}

/** Tabs as the ARIA practices have them: one stop of the Tab key, arrows between them. */
export function Tabs<Id extends string>({ label, tabs, chosen, onChoose }: Props<Id>) {
  const group = useId()
  const onKey = (event: KeyboardEvent<HTMLElement>): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const at = tabs.findIndex(([id]) => id === chosen)
    const [next] = tabs[(at + step + tabs.length) % tabs.length]!
    onChoose(next)
    document.getElementById(`${group}-${next}`)?.focus()
  }
  return (
    <div className="tabs" role="tablist" aria-label={label} onKeyDown={onKey}>
      {tabs.map(([id, text]) => (
        <button
          key={id}
          id={`${group}-${id}`}
          type="button"
          role="tab"
          aria-selected={id === chosen}
          tabIndex={id === chosen ? 0 : -1}
          onClick={() => onChoose(id)}
        >
          {text}
        </button>
      ))}
    </div>
  )
}
