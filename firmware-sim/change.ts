/** For whoever waits until something is otherwise: they are woken at every change and look for themselves. */
export interface Change {
  happened(): void
  next(): Promise<void>
}

export function createChange(): Change {
  let waiting: (() => void)[] = []
  return {
    happened() {
      const wake = waiting
      waiting = []
      for (const resolve of wake) resolve()
    },
    next: () => new Promise<void>(resolve => waiting.push(resolve)),
  }
}
