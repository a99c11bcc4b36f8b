import { type ReactNode, useEffect, useState } from 'react'

interface Tab {
  readonly id: string
  readonly label: string
  readonly content: ReactNode
}

interface Props {
  readonly tabs: readonly Tab[]
  /** Shown instead of the tabs. */
  readonly card: ReactNode | null
}

/** The panels of a phone: a sheet at the bottom, of which the map leaves as much as is wanted. */
export function Sheet({ tabs, card }: Props) {
  const [open, setOpen] = useState(true)
  const [tabId, setTabId] = useState(tabs[0]!.id)
  const hasCard = card !== null
  useEffect(() => {
    if (hasCard) setOpen(true)
  }, [hasCard])
  const shown = tabs.find(tab => tab.id === tabId) ?? tabs[0]!
  return (
    <div className="sheet" data-open={open}>
      <button
        className="sheet__handle"
        type="button"
        aria-expanded={open}
        aria-label={open ? 'Make the panel smaller' : 'Make the panel larger'}
        onClick={() => setOpen(!open)}
      />
      {card ?? (
        <>
          <div className="sheet__tabs" role="tablist">
            {tabs.map(({ id, label }) => (
              <button
                key={id}
                type="button"
                role="tab"
                aria-selected={id === shown.id}
                onClick={() => {
                  setTabId(id)
                  setOpen(true)
                }}
              >
                {label}
              </button>
            ))}
          </div>
          <div className="sheet__body" role="tabpanel" aria-label={shown.label}>
            {shown.content}
          </div>
        </>
      )}
    </div>
  )
}
