/**
 * Runs at most `atOnce` pieces of work at a time and lets `waiting` more wait.
 * @param refusal of those beyond
 */
export function createTurns(
  atOnce: number,
  waiting: number,
  refusal: () => Error,
): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0
  const queue: (() => void)[] = []
  return async work => {
    if (running >= atOnce) {
      if (queue.length >= waiting) throw refusal()
      // The one that ends hands its turn over, so `running` stays.
      await new Promise<void>(resolve => queue.push(resolve))
    } else {
      running += 1
    }
    try {
      return await work()
    } finally {
      const next = queue.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}
