import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDashboard } from '../support/dashboard.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'

const ADMIN = { role: 'admin', sub: 'ana' } as const
const DEPOT = {
  name: 'Depot',
  west: -8.62,
  east: -8.61,
  south: 41.14,
  north: 41.15,
}
const OUTSIDE = { lat: 41.145, lng: -8.625 }
const INSIDE = { lat: 41.145, lng: -8.615 }

async function putDepot(platform: RunningPlatform): Promise<void> {
  const { name, west, east, south, north } = DEPOT
  const ring = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ]
  const response = await platform.request('/api/v1/fences/depot', {
    ...ADMIN,
    method: 'PUT',
    body: { type: 'Feature', id: 'depot', geometry: { type: 'Polygon', coordinates: [ring] }, properties: { name } },
  })
  assert.ok(response.ok, `${response.status} ${await response.text()}`)
}

test('a person logs in and sees a dot cross a line, the alert, and an SOS that she answers', async t => {
  const platform = await startTestPlatform(t)
  const dashboard = await openDashboard(t, platform)
  if (dashboard === null) return
  const { page, until } = dashboard
  await putDepot(platform)

  await page.goto(platform.httpUrl)
  const [, username, password] = /^Administrator\s+(\S+), password (\S+)/m.exec(platform.output()) ?? []
  assert.ok(username && password, platform.output())
  await page.getByLabel('User name').fill(username)
  await page.getByLabel('Password').fill('not it')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByText('User name or password is wrong.').waitFor()
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await until('a live connection', state => state.connection.phase === 'online')
  await page.getByText('No device has reported yet').waitFor()

  const truck = await platform.connect({ role: 'device', sub: 'truck-7' }, { clientId: 'truck-7' })
  const report = (location: object, timestamp = Date.now()): Promise<unknown> =>
    truck.publishAsync('demo/devices/truck-7/location', JSON.stringify({ timestamp, location }), { qos: 1 })
  const startMs = Date.now()
  await report({ ...OUTSIDE, speed: 12, heading: 90 }, startMs)
  await until('the first position', state => state.devices[0]?.position?.[0] === -8.625)

  await report({ ...INSIDE, speed: 12, heading: 90 }, startMs + 1_000)
  const crossed = await until('the crossing', state => state.alerts.length === 1)
  assert.equal(crossed.alerts[0]?.event, 'enter')
  assert.equal(crossed.alerts[0]?.fenceName, DEPOT.name)
  assert.deepEqual(crossed.fences, ['depot'])
  await until('the dot where the truck is', state => state.devices[0]?.drawn?.[0] === -8.615)
  await page.getByRole('button', { name: 'truck-7 entered Depot' }).waitFor()

  await report({ ...OUTSIDE, speed: 12, heading: 90 }, startMs + 500)
  await report({ ...INSIDE, lat: 41.1451, speed: 12 }, startMs + 2_000)
  const later = await until('the newest position', state => state.devices[0]?.position?.[1] === 41.1451)
  assert.equal(later.devices[0]?.position?.[0], INSIDE.lng, 'a late fix does not move the dot back')

  await page.keyboard.press('/')
  await page.keyboard.type('truck')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await until('the selected device', state => state.selected === 'truck-7')
  await page.getByRole('region', { name: 'Device truck-7' }).getByText('43 km/h', { exact: true }).waitFor()

  const cry = { action: 'trigger', id: 'sos-1', timestamp: Date.now(), message: 'Brakes failed' }
  await truck.publishAsync('demo/devices/truck-7/sos', JSON.stringify(cry), { qos: 1 })
  await until('the SOS', state => state.sos.length === 1)
  assert.match(await page.title(), /1 SOS/)
  await page.getByText('Brakes failed').last().waitFor()
  await page.getByRole('button', { name: 'Acknowledge' }).click()
  const answered = await until('who acknowledged', state => state.sos[0]?.acknowledged != null)
  assert.equal(answered.sos[0]?.acknowledged?.by, username)
  await page.getByRole('button', { name: 'Resolve…' }).click()
  await page.getByLabel('Note').fill('Towed')
  await page.keyboard.press('Enter')
  await until('the end of the SOS', state => state.sos.length === 0)
  assert.equal(await page.title(), 'Trackwire')

  await page.getByRole('button', { name: 'Log out' }).click()
  await page.getByRole('button', { name: 'Log in' }).waitFor()
  assert.equal(await page.evaluate(() => '__trackwire' in globalThis), false, 'nothing of it stays on the page')
})

test('a tab that is duplicated asks for a login of its own; the first one, also reloaded, goes on', async t => {
  const platform = await startTestPlatform(t)
  const dashboard = await openDashboard(t, platform)
  if (dashboard === null) return
  const { page, until } = dashboard
  await page.goto(platform.httpUrl)
  const { username, password } = platform.administrator!
  await page.getByLabel('User name').fill(username)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await until('a live connection', state => state.connection.phase === 'online')

  // A page that is opened by another one begins with a copy of its sessionStorage, as a duplicated tab does.
  const [copy] = await Promise.all([
    page.waitForEvent('popup'),
    page.evaluate(() => {
      ;(globalThis as unknown as { open(url: string): void }).open('/')
    }),
  ])
  await copy.getByText('This tab is a copy of one that is logged in.').waitFor()
  await copy.getByLabel('User name').fill(username)
  await copy.getByLabel('Password').fill(password)
  await copy.getByRole('button', { name: 'Log in' }).click()
  await copy.getByRole('button', { name: 'Log out' }).waitFor()

  await page.reload()
  await until('that it is still logged in', state => state.connection.phase === 'online')
  await copy.reload()
  await copy.getByRole('button', { name: 'Log out' }).waitFor()
})

test('a one-click link logs in and leaves no token in the address', async t => {
  const platform = await startTestPlatform(t)
  const dashboard = await openDashboard(t, platform, { colorScheme: 'dark', viewport: { width: 390, height: 844 } })
  if (dashboard === null) return
  const { page, until } = dashboard
  const token = await platform.token({ role: 'user', sub: 'guest', devices: ['truck-7'] })
  await page.goto(`${platform.httpUrl}/#token=${token}`)
  await until('a live connection', state => state.connection.phase === 'online')
  assert.equal(new URL(page.url()).hash, '')

  const van = await platform.connect({ role: 'device', sub: 'van-1' })
  const truck = await platform.connect({ role: 'device', sub: 'truck-7' })
  const fix = JSON.stringify({ timestamp: Date.now(), location: OUTSIDE })
  await van.publishAsync('demo/devices/van-1/location', fix, { qos: 1 })
  await truck.publishAsync('demo/devices/truck-7/location', fix, { qos: 1 })
  const state = await until('the granted device', ({ devices }) => devices.some(({ position }) => position))
  assert.deepEqual(
    state.devices.map(({ id }) => id),
    ['truck-7'],
    'and no other',
  )
})

test('a lost connection shows, heals, and leaves no hole in the alerts', async t => {
  const platform = await startTestPlatform(t)
  const dashboard = await openDashboard(t, platform)
  if (dashboard === null) return
  const { page, until } = dashboard
  await putDepot(platform)
  await page.goto(`${platform.httpUrl}/#token=${await platform.token(ADMIN)}`)
  await until('a live connection', state => state.connection.phase === 'online')

  await page.context().setOffline(true)
  await until('that it is offline', state => state.connection.phase === 'offline')
  await page.getByText('Positions may be old').waitFor()
  const truck = await platform.connect({ role: 'device', sub: 'truck-7' })
  const fix = { timestamp: Date.now(), location: INSIDE }
  await truck.publishAsync('demo/devices/truck-7/location', JSON.stringify(fix), { qos: 1 })

  await page.context().setOffline(false)
  await until('a live connection again', state => state.connection.phase === 'online')
  const healed = await until('what happened meanwhile', state => state.alerts.length === 1)
  assert.equal(healed.alerts[0]?.initial, true)
  await until('the position of meanwhile', state => state.devices[0]?.position?.[0] === -8.615)
})

test('a platform that falls silent without a word turns the map grey within seconds', async t => {
  const platform = await startTestPlatform(t)
  const dashboard = await openDashboard(t, platform)
  if (dashboard === null) return
  const { page, until } = dashboard
  await page.goto(`${platform.httpUrl}/#token=${await platform.token(ADMIN)}`)
  await until('a live connection', state => state.connection.phase === 'online')
  // Its page is loaded when it is opened.
  await page.locator('.map canvas').waitFor()
  process.kill(platform.pid, 'SIGSTOP')
  await until('that it is behind', state => state.behindMs > 5_000)
  await page.getByText('What is drawn is old').waitFor()
  await page.locator('.map[data-outdated]').waitFor()
  process.kill(platform.pid, 'SIGCONT')
  await until('that it has caught up', state => state.connection.phase === 'online' && state.behindMs < 3_000)
  await page.locator('.map[data-outdated]').waitFor({ state: 'detached' })
})
