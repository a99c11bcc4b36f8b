import type { LocationUpdate } from '../../../../contract/index.ts'
import { type Api, ApiError } from '../live/api.ts'

/** The answer to opening a link, and to every renewal. */
interface ShareToken {
  readonly token: string
  /** Seconds. */
  readonly expiresIn: number
  readonly org: string
  readonly sub: string
}

/** What a link shows now. */
export interface Shared {
  readonly label: string | null
  readonly from: number
  readonly until: number
  readonly history: boolean
  readonly precisionMeters: number | null
  readonly hasArea: boolean
  readonly devices: readonly { readonly id: string; readonly name: string; readonly last: LocationUpdate | null }[]
}

/** A link that was opened: its token, renewed while the link lives. */
export interface OpenedLink {
  readonly org: string
  /** Whose errors are told. */
  readonly sub: string
  /** A token for some minutes still. @throws ApiError 410 when the link has ended */
  freshToken(): Promise<string>
  /** The platform refused the token. */
  forgetToken(): void
  /** @throws ApiError */
  shared(): Promise<Shared>
  /** Where a device has been since a time, oldest first. @throws ApiError */
  history(deviceId: string, fromMs: number): Promise<LocationUpdate[]>
}

/** A token is renewed when less than a third of it is left. */
const RENEW_BELOW = 1 / 3
const MAX_PAGES = 5

/** The code of a link, `/share#CODE`, or null. */
export function codeInFragment(fragment: string): string | null {
  const code = fragment.replace(/^#/, '')
  return /^[A-Za-z0-9_-]{16,100}$/.test(code) ? code : null
}

/** @throws ApiError 404 for a wrong code, 410 when the link has ended */
export async function openLink(api: Api, code: string, now: () => number = Date.now): Promise<OpenedLink> {
  let held = await open()
  let renewing: Promise<string> | null = null

  async function open(): Promise<ShareToken & { readonly takenAtMs: number }> {
    const answer = await api.request<ShareToken>('/share-links/open', { method: 'POST', body: { code } })
    return { ...answer, takenAtMs: now() }
  }

  const left = (): number => 1 - (now() - held.takenAtMs) / (held.expiresIn * 1_000)

  async function renew(): Promise<string> {
    try {
      const answer = await api.request<ShareToken>('/shared/renew', { method: 'POST', token: held.token })
      held = { ...answer, takenAtMs: now() }
    } catch (error) {
      // It slept for longer than the token lives, or the token was taken away: a link that lives can be opened again.
      if (!(error instanceof ApiError) || error.status !== 401) throw error
      held = { ...(await open()), sub: held.sub }
    }
    return held.token
  }

  async function freshToken(): Promise<string> {
    if (left() > RENEW_BELOW) return held.token
    renewing ??= renew().finally(() => {
      renewing = null
    })
    return renewing
  }

  return {
    get org() {
      return held.org
    },
    get sub() {
      return held.sub
    },
    freshToken,
    forgetToken() {
      held = { ...held, takenAtMs: Number.NEGATIVE_INFINITY }
    },
    async shared() {
      return api.request<Shared>('/shared', { token: await freshToken() })
    },
    async history(deviceId, fromMs) {
      const fixes: LocationUpdate[] = []
      let cursor: string | null = null
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const query: string = `from=${fromMs}&limit=1000${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
        const path = `/shared/devices/${encodeURIComponent(deviceId)}/history?${query}`
        const answer: { items: LocationUpdate[]; next: string | null } = await api.request(path, {
          token: await freshToken(),
        })
        fixes.push(...answer.items)
        cursor = answer.next
        if (cursor === null) break
      }
      return fixes
    },
  }
}
