import type { Logger } from 'pino'
import type { SigningKeys } from './signing-keys.ts'

/** Looking into a folder of a few files costs next to nothing, and works on network file systems, where watching does not. */
const LOOK_EVERY_MS = 2_000

/**
 * Takes up keys that another process adds or retires (`trackwire keys`, an orchestrator that mounts them) without a restart.
 * A folder that cannot be read leaves the keys as they are.
 */
export function watchSigningKeys(keys: SigningKeys, logger: Logger, everyMs = LOOK_EVERY_MS): { close(): void } {
  let failing = false
  const look = async (): Promise<void> => {
    try {
      const changed = await keys.reload()
      failing = false
      if (!changed) return
      const live = keys.list().map(({ kid, state }) => ({ kid, state }))
      logger.info({ keys: live }, 'the signing keys have changed')
    } catch (error) {
      if (!failing) logger.error({ err: error }, 'the signing keys cannot be read again; those in memory stay in use')
      failing = true
    } finally {
      if (!closed) timer = setTimeout(look, everyMs).unref()
    }
  }
  let closed = false
  let timer = setTimeout(look, everyMs).unref()
  return {
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}
