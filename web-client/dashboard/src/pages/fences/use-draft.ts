import { useCallback, useState } from 'react'
import type { FenceDraft } from './fence-draft.ts'

const MOST_STEPS = 100

/** With the same key as the change before it is one step with it: a whole drag is undone at once. */
export type ChangeDraft = (next: FenceDraft, key?: string) => void

export interface DraftHistory {
  /** Null while no fence is under the pen. */
  readonly draft: FenceDraft | null
  readonly changed: boolean
  readonly change: ChangeDraft
  /** Null when there is nothing to take back. */
  readonly undo: (() => void) | null
  /** Another fence, or none; what was not saved is gone. */
  open(draft: FenceDraft | null): void
}

interface State {
  readonly draft: FenceDraft | null
  readonly past: readonly FenceDraft[]
  readonly key: string | null
}

export function useDraft(): DraftHistory {
  const [{ draft, past }, setState] = useState<State>({ draft: null, past: [], key: null })

  const change = useCallback((next: FenceDraft, step?: string) => {
    setState(({ draft, past, key }) => ({
      draft: next,
      past: draft === null || (step !== undefined && step === key) ? past : [...past, draft].slice(-MOST_STEPS),
      key: step ?? null,
    }))
  }, [])
  const undo = useCallback(() => {
    setState(state => {
      const before = state.past.at(-1)
      return before === undefined ? state : { draft: before, past: state.past.slice(0, -1), key: null }
    })
  }, [])
  const open = useCallback((draft: FenceDraft | null) => setState({ draft, past: [], key: null }), [])
  return { draft, change, changed: past.length > 0, undo: past.length === 0 ? null : undo, open }
}
