import { useCallback, useEffect, useState } from 'react'

export interface Answer<Value> {
  readonly value: Value | null
  readonly fault: string | null
  readonly loading: boolean
  reload(): void
}

/**
 * Asks when the page comes, and again when the question is another one; the answer before stays until the new one is there.
 * @param ask keep its identity (`useCallback`)
 */
export function useAnswer<Value>(ask: () => Promise<Value>): Answer<Value> {
  const [state, setState] = useState<Omit<Answer<Value>, 'reload'>>({ value: null, fault: null, loading: true })
  const [round, setRound] = useState(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another round asks the same again
  useEffect(() => {
    let wanted = true
    setState(state => ({ ...state, loading: true }))
    ask().then(
      value => wanted && setState({ value, fault: null, loading: false }),
      (error: Error) => wanted && setState(({ value }) => ({ value, fault: error.message, loading: false })),
    )
    return () => {
      wanted = false
    }
  }, [ask, round])
  const reload = useCallback(() => setRound(count => count + 1), [])
  return { ...state, reload }
}
