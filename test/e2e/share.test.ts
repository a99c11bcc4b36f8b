import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { snapToGrid } from '../../contract/index.ts'
import { withBrowser } from '../support/chromium.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { Ear } from '../support/wire.ts'

const WITHIN_MS = 30_000
const HOUR = 3_600_000
const ADMIN = { role: 'admin', sub: 'ana' } as const
const START = { lat: 41.145, lng: -8.625 }
const NEXT = { lat: 41.155, lng: -8.605 }

interface Link {
  readonly id: string
  readonly url: string
  readonly code: string
}

/** What the test reads of `window.__trackwireShare`, see `web-client/dashboard/src/share/share-snapshot.ts`. */
interface Seen {
  readonly phase: string
  readonly live: string | null
  readonly devices: readonly { readonly id: string; readonly drawn: readonly [number, number] | null }[]
}

async function makeLink(platform: RunningPlatform, more: object = {}): Promise<Link> {
  const body = { devices: ['truck-7'], label: 'Your parcel', until: Date.now() + HOUR, ...more }
  const response = await platform.request('/api/v1/share-links', { ...ADMIN, body })
  assert.equal(response.status, 201, await response.clone().text())
  return (await response.json()) as Link
}

async function startTruck(platform: RunningPlatform) {
  const body = { id: 'truck-7', name: 'Van 7' }
  assert.equal((await platform.request('/api/v1/devices', { ...ADMIN, body })).status, 201)
  const truck = await platform.connect({ role: 'device', sub: 'truck-7' })
  return (location: object, timestamp = Date.now()): Promise<unknown> =>
    truck.publishAsync('demo/devices/truck-7/location', JSON.stringify({ timestamp, location }), { qos: 1 })
}

/** A page that fails the test for any fault, any request to the outside, and the code in any URL that leaves the browser. */
async function openPage(t: TestContext, platform: RunningPlatform, more: BrowserContextOptions = {}) {
  const browser = await withBrowser(t, more)
  if (browser === null) return null
  const page = browser.pages()[0] ?? (await browser.newPage())
  const faults: string[] = []
  const asked: string[] = []
  page.on('pageerror', error => faults.push(error.message))
  page.on('console', message => message.text().includes('Content Security Policy') && faults.push(message.text()))
  page.on('request', request => {
    asked.push(request.url(), request.headers().referer ?? '')
    const { protocol, host } = new URL(request.url())
    if (!['blob:', 'data:'].includes(protocol) && host !== new URL(platform.httpUrl).host) faults.push(`asked ${host}`)
  })
  t.after(() => assert.deepEqual(faults, [], 'no fault on the page and no request to the outside'))
  return { page, asked }
}

async function until(page: Page, what: string, condition: (seen: Seen) => boolean): Promise<Seen> {
  const deadlineMs = Date.now() + WITHIN_MS
  let seen: Seen | null = null
  while (Date.now() < deadlineMs) {
    seen = (await page.evaluate(
      () =>
        new Promise(resolve => {
          const view = globalThis as unknown as {
            requestAnimationFrame(run: () => void): void
            __trackwireShare?: { snapshot(): Seen }
          }
          view.requestAnimationFrame(() => resolve(view.__trackwireShare?.snapshot() ?? null))
        }),
    )) as Seen | null
    if (seen !== null && condition(seen)) return seen
  }
  throw new Error(`the page does not show ${what}; it shows ${JSON.stringify(seen)}`)
}

test('a link shows the device move, without a log-in; revoked, the page says so and shows nothing', async t => {
  const platform = await startTestPlatform(t)
  const report = await startTruck(platform)
  await report({ ...START, speed: 12, heading: 45 })
  const link = await makeLink(platform)
  const opened = await openPage(t, platform)
  if (opened === null) return
  const { page, asked } = opened
  await page.goto(link.url)
  await page.getByRole('heading', { name: 'Your parcel' }).waitFor()
  await until(page, 'the truck where it was', ({ devices }) => devices[0]?.drawn?.[0] === START.lng)
  await until(page, 'a live connection', ({ live }) => live === 'online')
  await report({ ...NEXT, speed: 12, heading: 45 })
  await until(page, 'the truck where it is', ({ devices }) => devices[0]?.drawn?.[0] === NEXT.lng)
  await page.getByRole('button', { name: /Van 7/ }).press('Enter')
  assert.ok(
    asked.every(url => !url.includes(link.code)),
    'the code never leaves in a URL',
  )

  await platform.request(`/api/v1/share-links/${link.id}`, { ...ADMIN, method: 'DELETE' })
  await page.getByRole('heading', { name: 'Sharing has ended' }).waitFor()
  await page.getByText('This share link was revoked.').waitFor()
  assert.deepEqual((await until(page, 'nothing', ({ phase }) => phase === 'ended')).devices, [])
  await report(START)
  await page.reload()
  await page.getByRole('heading', { name: 'Sharing has ended' }).waitFor()
  assert.ok(!platform.output().includes(link.code), 'the code is in no log')
})

test('a page whose address is wrong, or has no code, says so', async t => {
  const platform = await startTestPlatform(t)
  const opened = await openPage(t, platform, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' })
  if (opened === null) return
  const { page } = opened
  for (const fragment of ['', '#x', `#${'A'.repeat(32)}`]) {
    await page.goto('about:blank')
    await page.goto(`${platform.httpUrl}/share${fragment}`)
    await page.getByRole('heading', { name: 'Nothing is shared here' }).waitFor()
  }
})

test('the page is not for search engines, sends no referrer, and may not be framed', async t => {
  const platform = await startTestPlatform(t)
  const { headers, status } = await fetch(`${platform.httpUrl}/share`)
  assert.equal(status, 200)
  assert.match(headers.get('x-robots-tag') ?? '', /noindex/)
  assert.equal(headers.get('referrer-policy'), 'no-referrer')
  const policy = headers.get('content-security-policy') ?? ''
  assert.match(policy, /default-src 'none'/)
  assert.match(policy, /connect-src 'self';/)
  assert.match(policy, /frame-ancestors 'none'/)
})

test('rounded: nothing that the page gets, over HTTP or MQTT, is nearer than its cell', async t => {
  const platform = await startTestPlatform(t)
  const report = await startTruck(platform)
  await report({ ...START, speed: 12, heading: 45 })
  const link = await makeLink(platform, { precisionMeters: 1_000 })
  const opened = await openPage(t, platform)
  if (opened === null) return
  const { page } = opened
  await page.goto(link.url)
  const rounded = snapToGrid(START, 1_000)
  await until(page, 'the middle of the cell', ({ devices }) => devices[0]?.drawn?.[0] === rounded.lng)
  await until(page, 'a live connection', ({ live }) => live === 'online')
  await report({ ...NEXT, speed: 12 })
  const next = snapToGrid(NEXT, 1_000)
  await until(page, 'the middle of the next one', ({ devices }) => devices[0]?.drawn?.[0] === next.lng)
  await page.getByText('Positions are rounded').waitFor()
})

test('revoking reaches a viewer over MQTT within a second, moving the end too', async t => {
  const platform = await startTestPlatform(t)
  const report = await startTruck(platform)
  await report(START)
  for (const end of ['revoke', 'move'] as const) {
    const link = await makeLink(platform)
    const answer = await fetch(`${platform.httpUrl}/api/v1/share-links/open`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code: link.code }),
    })
    const { token, sub } = (await answer.json()) as { token: string; sub: string }
    const viewer = await platform.connectWith(token)
    const ear = new Ear(viewer)
    await viewer.subscribeAsync([`demo/users/${sub}/errors`, 'demo/devices/+/last'])
    await ear.hear('the position', ({ topic }) => topic === 'demo/devices/truck-7/last')
    const closed = new Promise<void>(resolve => viewer.once('close', () => resolve()))
    const startedAt = Date.now()
    if (end === 'revoke') {
      await platform.request(`/api/v1/share-links/${link.id}`, { ...ADMIN, method: 'DELETE' })
    } else {
      const body = { until: Date.now() + 200 }
      const moved = await platform.request(`/api/v1/share-links/${link.id}`, { ...ADMIN, method: 'PATCH', body })
      assert.equal(moved.status, 200)
    }
    const told = await ear.hear<{ code: string }>('the end', ({ payload }) => payload?.code === 'share_ended')
    await closed
    t.diagnostic(`${end}: cut off after ${Date.now() - startedAt} ms`)
    assert.equal(told.payload.code, 'share_ended')
    await assert.rejects(platform.connectWith(token), /Connection refused/)
  }
})
