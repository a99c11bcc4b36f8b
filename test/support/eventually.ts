import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until it holds; nothing depends on the limit when all is well. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = 60_000,
): Promise<void> {
  const endMs = Date.now() + limitMs
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`${what}: not within ${limitMs / 1_000} s`)
    await sleep(20)
  }
}
