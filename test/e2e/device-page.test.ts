import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertAccessible } from '../support/accessibility.ts'
import { openDashboard } from '../support/dashboard.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'

const ADMIN = { role: 'admin', sub: 'ana' } as const
const WITHIN_MS = 90_000
const MINUTE_MS = 60_000
const LAT = 41.145

interface Fix {
  readonly timestamp: number
  readonly location: { readonly lat: number; readonly lng: number; readonly speed: number; readonly altitude: number }
  readonly metadata: { readonly battery: number }
}

/** Five minutes to the east at 10 m/s, ten minutes where it came to, and five minutes further. */
function twoTrips(endMs: number): Fix[] {
  const startMs = endMs - 20 * MINUTE_MS
  const fixes: Fix[] = []
  for (let second = 0; second <= 1_200; second += 10) {
    const driven = Math.min(second, 300) + Math.max(0, second - 900)
    const moves = second < 300 || second > 900
    const location = { lat: LAT, lng: -8.7 + driven * 0.000_12, speed: moves ? 10 : 0, altitude: 40 + driven / 10 }
    fixes.push({ timestamp: startMs + second * 1_000, location, metadata: { battery: 90 - second / 100 } })
  }
  return fixes
}

async function putDepot(platform: RunningPlatform): Promise<void> {
  const ring = [
    [-8.69, 41.14],
    [-8.67, 41.14],
    [-8.67, 41.15],
    [-8.69, 41.15],
    [-8.69, 41.14],
  ]
  const body = {
    type: 'Feature',
    id: 'depot',
    geometry: { type: 'Polygon', coordinates: [ring] },
    properties: { name: 'Depot' },
  }
  const response = await platform.request('/api/v1/fences/depot', { ...ADMIN, method: 'PUT', body })
  assert.ok(response.ok, `${response.status} ${await response.text()}`)
}

test('the page of a device shows its way, plays it back, and tells why there was an alert', async t => {
  const platform = await startTestPlatform(t)
  const dashboard = await openDashboard(t, platform, { viewport: { width: 1_000, height: 700 } })
  if (dashboard === null) return
  const { page, until } = dashboard
  // All by the keyboard: that has to work, and it does not wait for a busy machine to draw.
  page.setDefaultTimeout(WITHIN_MS)
  await putDepot(platform)
  const truck = await platform.connect({ role: 'device', sub: 'truck-7' })
  const fixes = twoTrips(Date.now() - 1_000)
  await truck.publishAsync('demo/devices/truck-7/location/batch', JSON.stringify(fixes), { qos: 1 })

  await page.goto(`${platform.httpUrl}/#token=${await platform.token(ADMIN)}`)
  await until('the truck', ({ devices }) => devices.some(({ position }) => position !== null))
  await page.getByRole('option', { name: /truck-7/ }).waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('truck')
  await page.keyboard.press('Enter')
  await until('the selected device', ({ selected }) => selected === 'truck-7')
  await assertAccessible(page, 'the map')

  await page.getByRole('link', { name: 'Details' }).press('Enter')
  await page.getByRole('heading', { name: 'truck-7', level: 2 }).waitFor()
  assert.equal(new URL(page.url()).hash, '#/devices/truck-7')
  assert.equal(await page.title(), 'Device · Trackwire')
  const trips = page.getByRole('region', { name: 'Trips' }).getByRole('listitem')
  await trips.nth(1).waitFor()
  assert.equal(await trips.count(), 2)
  await page.getByRole('img', { name: 'Speed: 0 to 36 km/h' }).waitFor()
  await page.getByRole('img', { name: 'Altitude: 40 to 100 m' }).waitFor()
  await page.getByRole('img', { name: 'Battery: 78 to 90 %' }).waitFor()

  const moment = page.getByRole('slider', { name: 'Moment' })
  const shownMs = async (): Promise<number> => Number(await moment.inputValue())
  await trips.last().getByRole('button').press('Enter')
  const beginMs = await shownMs()
  await page.getByRole('button', { name: 'Next stop' }).press('Enter')
  await page
    .getByText(/stands for 1\d min/)
    .first()
    .waitFor()
  await page.getByRole('button', { name: 'Play', exact: true }).press('Enter')
  const stoodMs = await shownMs()
  while ((await shownMs()) <= stoodMs) await page.waitForTimeout(20)
  await page.getByRole('button', { name: 'Pause' }).press('Enter')
  assert.ok(stoodMs > beginMs)
  await moment.focus()
  await page.keyboard.press('Home')
  assert.equal(await shownMs(), fixes[0]!.timestamp)

  const alerts = page.getByRole('region', { name: 'Alerts of the device' })
  const entered = alerts.getByRole('listitem').filter({ hasText: 'Entered Depot' })
  await entered.getByRole('button', { name: 'Why?' }).press('Enter')
  await entered
    .getByText(/depot.*was announced|announced.*depot/i)
    .first()
    .waitFor()

  await page.getByRole('button', { name: 'Listen' }).press('Enter')
  const raw = page.getByRole('region', { name: 'Raw messages' })
  await raw.getByText('demo/devices/truck-7/last').first().waitFor()
  const now = { ...fixes.at(-1)!, timestamp: Date.now(), attributes: { seen: 'on the wire' } }
  await truck.publishAsync('demo/devices/truck-7/location', JSON.stringify(now), { qos: 1 })
  await raw.getByText('on the wire').first().waitFor()

  await page.getByRole('button', { name: 'km/h: switch to miles and feet' }).press('Enter')
  await page.getByRole('img', { name: 'Speed: 0 to 22 mph' }).waitFor()
  await assertAccessible(page, 'the page of a device')
  await page.setViewportSize({ width: 390, height: 844 })
  await page.getByRole('button', { name: 'Dark colours' }).press('Enter')
  await assertAccessible(page, 'the page of a device on a phone, dark')

  await page.getByRole('link', { name: 'Follow on the map' }).press('Enter')
  await until('the device on the map again', ({ selected }) => selected === 'truck-7')
  assert.equal(await page.title(), 'Trackwire')
  await assertAccessible(page, 'the map on a phone, dark')
})
