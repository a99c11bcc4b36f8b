import { TrackwireError } from '../../contract/index.ts'
import { createKeyedAttempts } from '../auth/attempts.ts'
import { type Act, recordAudit } from '../store/audit.ts'
import {
  type ClaimCodeRow,
  findClaimCode,
  forgetClaimCodes,
  insertClaimCodes,
  useClaimCode,
} from '../store/claim-codes.ts'
import type { Database, Transaction } from '../store/database.ts'
import { hashClaimCode, newClaimCode, readClaimCode } from './claim-code.ts'

/** A code as it is shown, the only time it is known. */
export interface ShownCode {
  readonly id: number
  readonly deviceId: string
  readonly code: string
  readonly expiresAt: number
}

export interface Claimed {
  readonly org: string
  readonly deviceId: string
  readonly revokes: boolean
}

export interface Claims {
  /** Makes one code for each of these registered devices. */
  issue(request: {
    org: string
    deviceIds: readonly string[]
    /** Who makes them, for the audit log. */
    act: Act
    ttlMs: number
    revokes: boolean
  }): Promise<ShownCode[]>
  /**
   * Uses a code up; `settle` runs in the same transaction, so a code is not lost to what fails there.
   * @throws TrackwireError claim_code_wrong, claim_code_used, claim_code_expired, too_many_attempts
   */
  use<T>(
    attempt: { code: string; address: string },
    settle: (tx: Transaction, claimed: Claimed) => Promise<T>,
  ): Promise<T>
}

/** Wrong codes from everywhere together: so many within a minute, then nobody is heard for the rest of it. */
const WRONG_PER_MINUTE = 300
const MINUTE_MS = 60_000
/** How long what became of a code can be looked up. */
const REMEMBERED_MS = 90 * 86_400_000

/** @param options.now clock in milliseconds */
export function createClaims(db: Database, options: { now?: (() => number) | undefined } = {}): Claims {
  const now = options.now ?? Date.now
  const attempts = createKeyedAttempts()
  let wrong = { sinceMs: 0, count: 0 }

  function brake(address: string): void {
    const nowMs = now()
    const isFull = nowMs - wrong.sinceMs < MINUTE_MS && wrong.count >= WRONG_PER_MINUTE
    const waitMs = isFull ? wrong.sinceMs + MINUTE_MS - nowMs : attempts.begin(networkOf(address), nowMs)
    if (waitMs <= 0) return
    const retryAfterSeconds = Math.ceil(waitMs / 1_000)
    throw new TrackwireError('too_many_attempts', `too many wrong claim codes; try again in ${retryAfterSeconds} s`, {
      details: { retryAfterSeconds },
    })
  }

  function countWrong(): void {
    const nowMs = now()
    if (nowMs - wrong.sinceMs >= MINUTE_MS) wrong = { sinceMs: nowMs, count: 0 }
    wrong.count += 1
  }

  return {
    async issue({ org, deviceIds, act, ttlMs, revokes }) {
      const nowMs = now()
      const expiresAt = nowMs + ttlMs
      const codes = deviceIds.map(deviceId => {
        const code = newClaimCode()
        return { deviceId, code, codeHash: hashClaimCode(readClaimCode(code)!) }
      })
      const ids = await db.transaction(async tx => {
        await forgetClaimCodes(tx, nowMs - REMEMBERED_MS)
        await recordAudit(tx, act, nowMs)
        return insertClaimCodes(tx, org, codes, { revokes, by: act.actor, nowMs, expiresAt })
      })
      const idOf = new Map(ids.map(({ id, codeHash }) => [codeHash, id]))
      return codes.map(({ deviceId, code, codeHash }) => ({ id: idOf.get(codeHash)!, deviceId, code, expiresAt }))
    },

    async use({ code, address }, settle) {
      brake(address)
      const letters = readClaimCode(code)
      const codeHash = hashClaimCode(letters ?? '')
      const outcome = await db.transaction(async tx => {
        const claimed = await useClaimCode(tx, codeHash, { nowMs: now(), address })
        if (claimed !== undefined) {
          const { org, deviceId } = claimed
          await recordAudit(tx, { org, actor: deviceId, action: 'claim-code.use', target: deviceId, address }, now())
          return { done: await settle(tx, claimed) }
        }
        return { refusal: refusalOf(await findClaimCode(tx, codeHash)) }
      })
      if ('refusal' in outcome) {
        countWrong()
        throw outcome.refusal
      }
      attempts.succeed(networkOf(address))
      return outcome.done
    },
  }
}

/** Whoever has the code to ask has had it before: what became of it is no secret. */
function refusalOf(row: ClaimCodeRow | undefined): TrackwireError {
  if (row === undefined)
    return new TrackwireError('claim_code_wrong', 'there is no such code; check it for typing mistakes')
  if (row.claimedAt !== null || row.cancelledAt !== null) return new TrackwireError('claim_code_used')
  return new TrackwireError('claim_code_expired')
}

/** A customer of IPv6 has a whole /64 to guess from. RFC 6177 */
function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address
  const [head = '', tail] = address.split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0')
  return [...front, ...zeros, ...back].slice(0, 4).join(':')
}
