import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import type { GeofenceEvent } from '../../contract/index.ts'
import { withBrowser } from './chromium.ts'
import type { RunningPlatform } from './platform.ts'

/** What the test reads of `window.__trackwire`, see `web-client/dashboard/src/snapshot.ts`. */
interface Seen {
  readonly connection: { readonly phase: string }
  readonly behindMs: number
  readonly devices: readonly {
    readonly id: string
    readonly state: string
    readonly position: readonly [number, number] | null
    readonly drawn: readonly [number, number] | null
  }[]
  readonly fences: readonly string[]
  readonly alerts: readonly GeofenceEvent[]
  readonly sos: readonly { readonly deviceId: string; readonly acknowledged: { readonly by: string } | null }[]
  readonly selected: string | null
}

/** Generous: a busy machine draws maps without a graphics card slowly. */
const WITHIN_MS = 90_000

export interface Dashboard {
  readonly page: Page
  /** Waits until what the dashboard shows fits, and returns it. */
  until(what: string, condition: (state: Seen) => boolean): Promise<Seen>
}

/** A browser with an empty page, which must neither fail nor ask anybody but the platform. Null: there is no browser. */
export async function openDashboard(t: TestContext, platform: RunningPlatform, more = {}): Promise<Dashboard | null> {
  const browser = await withBrowser(t, more)
  if (browser === null) return null
  const page = browser.pages()[0] ?? (await browser.newPage())
  page.setDefaultTimeout(WITHIN_MS)
  const faults: string[] = []
  page.on('pageerror', error => faults.push(error.message))
  page.on('console', message => message.text().includes('Content Security Policy') && faults.push(message.text()))
  page.on('request', request => {
    const { protocol, host } = new URL(request.url())
    if (!['blob:', 'data:'].includes(protocol) && host !== new URL(platform.httpUrl).host) {
      faults.push(`asked ${host} for something`)
    }
  })
  t.after(() => assert.deepEqual(faults, [], 'no fault on the page and no request to the outside'))

  return {
    page,
    async until(what, condition) {
      const deadlineMs = Date.now() + WITHIN_MS
      while (Date.now() < deadlineMs) {
        const state = await nextFrame(page)
        if (state !== null && condition(state)) return state
      }
      throw new Error(`the dashboard does not show ${what}; it shows ${JSON.stringify(await nextFrame(page))}`)
    },
  }
}

/** What the dashboard shows when it draws next; null while nobody is logged in. */
function nextFrame(page: Page): Promise<Seen | null> {
  return page.evaluate(
    () =>
      new Promise(resolve => {
        const view = globalThis as unknown as {
          requestAnimationFrame(run: () => void): void
          __trackwire?: { snapshot(): Seen }
        }
        view.requestAnimationFrame(() => resolve(view.__trackwire?.snapshot() ?? null))
      }),
  ) as Promise<Seen | null>
}
