import type { Claim } from './auth.ts'

/** Of a page that is being reloaded the old one may still hold the name for a moment. */
const PATIENCE_MS = 1_500
const ANSWER_MS = 400

/**
 * One page for each name, in this browser. By the Web Locks API; where a page has none (plain HTTP from another
 * machine) by asking whoever holds the name, which a page that the browser has frozen does not answer.
 */
export function createClaim(locks: LockManager | undefined, openChannel: (name: string) => BroadcastChannel): Claim {
  return name => (locks === undefined ? claimByAsking(openChannel(name)) : claimByLock(locks, name))
}

function claimByLock(locks: LockManager, name: string): Promise<boolean> {
  return new Promise(resolve => {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    locks
      .request(name, { signal }, () => {
        resolve(true)
        // Held until the page is gone.
        return new Promise(() => undefined)
      })
      .catch(() => resolve(false))
  })
}

function claimByAsking(channel: BroadcastChannel): Promise<boolean> {
  return new Promise(resolve => {
    let mine = false
    channel.onmessage = ({ data }) => {
      if (data === 'whose?' && mine) channel.postMessage('mine')
      else if (data === 'mine' && !mine) {
        channel.close()
        resolve(false)
      }
    }
    channel.postMessage('whose?')
    setTimeout(() => {
      mine = true
      resolve(true)
    }, ANSWER_MS)
  })
}
