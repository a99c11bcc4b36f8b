import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import type { FenceFeature } from '../../contract/index.ts'
import { assertAccessible } from '../support/accessibility.ts'
import { openDashboard } from '../support/dashboard.ts'
import { startTestPlatform } from '../support/platform.ts'

const ADMIN = { role: 'admin', sub: 'ana' } as const
const START = { lat: 41.145, lng: -8.625 }
const PAGES = ['SOS', 'Alerts', 'Fences', 'Devices', 'People', 'Sharing', 'Audit', 'Health'] as const
const KML = `<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document>
  <Placemark><name>Harbour</name><Polygon><outerBoundaryIs><LinearRing><coordinates>
    -8.71,41.18,0 -8.69,41.18,0 -8.69,41.19,0 -8.71,41.18,0
  </coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>
  <Placemark><name>Gate</name><Point><coordinates>-8.7,41.2</coordinates></Point></Placemark>
</Document></kml>`

const goTo = (page: Page, name: string): Promise<void> =>
  page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name, exact: true }).click()

test('an operator sees a device move, draws a fence, sees it cross, and answers an SOS; every page is accessible', async t => {
  const platform = await startTestPlatform(t)
  const dashboard = await openDashboard(t, platform, { reducedMotion: 'reduce' })
  if (dashboard === null) return
  const { page, until } = dashboard

  await page.goto(platform.httpUrl)
  const { username, password } = platform.administrator!
  await page.getByLabel('User name').fill(username)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await until('a live connection', state => state.connection.phase === 'online')

  const truck = await platform.connect({ role: 'device', sub: 'truck-7' }, { clientId: 'truck-7' })
  const startMs = Date.now()
  const report = (location: object, afterMs: number): Promise<unknown> =>
    truck.publishAsync(
      'demo/devices/truck-7/location',
      JSON.stringify({ timestamp: startMs + afterMs, location: { speed: 12, heading: 90, ...location } }),
      { qos: 1 },
    )
  await report(START, 0)
  await until('the first position', state => state.devices[0]?.position?.[0] === START.lng)
  await report({ ...START, lng: -8.6249 }, 1_000)
  await until('that it moves', state => state.devices[0]?.drawn?.[0] === -8.6249)

  // A fence east of the truck, drawn with the mouse; what is wrong is said before it is saved.
  await goTo(page, 'Fences')
  await page.getByText('There is no fence yet').waitFor()
  await page.getByRole('button', { name: 'Polygon' }).click()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('A polygon needs three corners at least.').first().waitFor()
  await page.getByRole('button', { name: 'Add points', exact: true }).click()
  const canvas = (await page.locator('.workbench__map canvas').boundingBox())!
  for (const [x, y] of [
    [0.6, 0.3],
    [0.9, 0.3],
    [0.9, 0.7],
    [0.6, 0.7],
  ] as const) {
    await page.mouse.click(canvas.x + canvas.width * x, canvas.y + canvas.height * y)
  }
  await page.getByText('Coordinates (4)').waitFor()
  // What is said of the connection meanwhile does not push the map from under the pointer.
  await page.context().setOffline(true)
  await page.getByText('Positions may be old').waitFor()
  assert.deepEqual(await page.locator('.workbench__map canvas').boundingBox(), canvas)
  const said = (await page.locator('.banner').boundingBox())!
  assert.ok(said.x >= canvas.x && said.x + said.width <= canvas.x + canvas.width, 'nor does it lie over the panel')
  await page.context().setOffline(false)
  await until('a live connection', state => state.connection.phase === 'online')
  // Until the ring is closed a press on the map draws.
  await page.mouse.click(canvas.x + canvas.width * 0.6, canvas.y + canvas.height * 0.3)
  await page.getByRole('button', { name: 'Add points', exact: true }).waitFor()
  // The last corner is dragged further down, which makes the fence taller.
  await page.mouse.move(canvas.x + canvas.width * 0.6, canvas.y + canvas.height * 0.7)
  await page.mouse.down()
  // As a hand does it, over several frames: a browser joins the moves of one frame to a single one.
  for (const y of [0.72, 0.75, 0.8, 0.85, 0.88, 0.9]) {
    await page.mouse.move(canvas.x + canvas.width * 0.6, canvas.y + canvas.height * y)
    await page.evaluate('new Promise(requestAnimationFrame)')
  }
  await page.mouse.up()
  await page.getByLabel('Name').fill('Depot')
  await page.getByLabel('Severity').fill('high')
  await page.getByLabel('Repeat every').fill('5')
  await page.getByRole('button', { name: 'Save' }).click()
  await page
    .getByText(/so properties\.dwellSeconds is needed too/)
    .first()
    .waitFor()
  await page.getByLabel('Stays after').fill('10')
  await page.getByRole('button', { name: 'Save' }).click()
  await until('the fence', state => state.fences.length === 1)

  const { items } = (await (await platform.request('/api/v1/fences', ADMIN)).json()) as { items: FenceFeature[] }
  const [fence] = items
  assert.equal(fence?.properties.name, 'Depot')
  assert.equal(fence.properties.dwellSeconds, 600)
  assert.equal(fence.geometry.type, 'Polygon')
  const ring = fence.geometry.coordinates[0] as [number, number][]
  assert.equal(ring.length, 5, 'four corners, closed')
  assert.ok(ring[3]![1] < ring[2]![1] - (ring[1]![1] - ring[2]![1]) / 4, 'the corner stays where it was dragged to')
  const middle = { lng: (ring[0]![0] + ring[2]![0]) / 2, lat: (ring[0]![1] + ring[2]![1]) / 2 }
  assert.ok(middle.lng > START.lng && Math.abs(middle.lat - START.lat) < 0.02, 'it lies where it was drawn')

  await report(middle, Date.now() - startMs)
  await until('the crossing', state =>
    state.alerts.some(({ event, fenceName }) => event === 'enter' && fenceName === 'Depot'),
  )

  // What it would have alerted, by the keyboard alone: the list, the form, the preview.
  await page.getByRole('button', { name: 'Depot' }).press('Enter')
  await page.getByRole('button', { name: 'What would have alerted last week?' }).press('Enter')
  await page.getByRole('region', { name: 'Preview' }).getByText('truck-7 entered').waitFor()
  await page.getByRole('button', { name: 'Back to the list' }).press('Enter')

  await page.getByRole('button', { name: 'Import…' }).click()
  await page
    .getByLabel('File')
    .setInputFiles({ name: 'harbour.kml', mimeType: 'application/xml', buffer: Buffer.from(KML) })
  await page.getByText('2 fences: Harbour, Gate').waitFor()
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await until('the fences of the file', state => state.fences.length === 3)

  await goTo(page, 'Alerts')
  await page.getByRole('list', { name: 'Incidents' }).getByRole('button', { name: 'Acknowledge' }).click()
  await page.getByText(`acknowledged by ${username}`).waitFor()
  await page.getByRole('tab', { name: 'All events' }).click()
  await page.getByLabel('Event', { exact: true }).selectOption('enter')
  await page.getByRole('list', { name: 'Events' }).getByText('Depot').waitFor()

  // Hundreds of other alerts, and one cry for help among them.
  const van = await platform.connect({ role: 'device', sub: 'van-1' })
  const flood = Array.from({ length: 600 }, (_, i) => ({
    timestamp: startMs - (600 - i) * 60_000,
    location: i % 2 === 0 ? middle : START,
  }))
  await van.publishAsync('demo/devices/van-1/location/batch', JSON.stringify(flood), { qos: 1 })
  await until('the flood', state => state.alerts.length >= 300)
  const cry = { action: 'trigger', id: 'sos-1', timestamp: Date.now(), message: 'Brakes failed' }
  await truck.publishAsync('demo/devices/truck-7/sos', JSON.stringify(cry), { qos: 1 })
  await until('the SOS', state => state.sos.length === 1)
  await goTo(page, 'SOS')
  const alert = page.getByRole('article', { name: 'SOS of truck-7' })
  await alert.getByText('Brakes failed').waitFor()
  await alert.getByRole('button', { name: 'Escalate' }).click()
  await alert.getByText(/Escalated to tier 1/).waitFor()
  await alert.getByRole('button', { name: 'Acknowledge' }).click()
  await until('who acknowledged', state => state.sos[0]?.acknowledged?.by === username)
  await assertAccessible(page, 'an open SOS')
  await alert.getByLabel('Note').fill('Towed away')
  await alert.getByRole('button', { name: 'Resolve' }).click()
  await until('the end of the SOS', state => state.sos.length === 0)
  await alert.getByText(`Resolved by ${username}`).waitFor()
  await alert.getByText('“Towed away”').waitFor()

  for (const name of PAGES) {
    await goTo(page, name)
    await page.getByRole('heading', { level: 2 }).first().waitFor()
    await assertAccessible(page, name)
  }
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.setViewportSize({ width: 390, height: 844 })
  for (const name of PAGES) {
    await goTo(page, name)
    await page.getByRole('heading', { level: 2 }).first().waitFor()
    await assertAccessible(page, `${name}, dark on a phone`)
    const wider = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
    assert.ok(Number(wider) <= 0, `${name} fits a phone`)
  }

  // Whoever may do less is offered less.
  const guest = await page.context().newPage()
  const token = await platform.token({ role: 'user', sub: 'guest', devices: ['truck-7'] })
  await guest.goto(`${platform.httpUrl}/#token=${token}`)
  const links = guest.getByRole('navigation', { name: 'Pages' }).getByRole('link')
  await links.first().waitFor()
  assert.deepEqual(await links.allTextContents(), ['Map', 'SOS', 'Alerts', 'Sharing'])
})

test('an administrator registers, claims, invites and shares, and the audit log has it', async t => {
  const platform = await startTestPlatform(t)
  const dashboard = await openDashboard(t, platform)
  if (dashboard === null) return
  const { page, until } = dashboard
  await page.goto(`${platform.httpUrl}/#token=${await platform.token(ADMIN)}`)
  await until('a live connection', state => state.connection.phase === 'online')

  await goTo(page, 'Devices')
  await page.getByRole('button', { name: 'New device' }).click()
  await page.getByLabel('Id', { exact: true }).fill('truck 7')
  await page.getByRole('button', { name: 'Register' }).click()
  await page.locator('.entry__error').waitFor()
  await page.getByLabel('Id', { exact: true }).fill('truck-7')
  await page.getByRole('button', { name: 'Register' }).click()
  const deviceToken = await page.locator('.secret code').textContent()
  const connected = await platform.connectWith(deviceToken!, { username: 'truck-7', clientId: 'truck-7' })
  assert.ok(connected.connected, 'the token that was shown lets the device in')
  await page.getByRole('button', { name: 'I have kept it' }).click()

  await page.getByRole('button', { name: 'Import CSV…' }).click()
  await page.getByLabel('Or as text').fill('id,name,groups\nvan-1,Van,vans\nbad id,x,y\n')
  await page.getByRole('button', { name: 'What would it do?' }).click()
  await page.getByText(/Line 3, id/).waitFor()
  await page.getByLabel('Or as text').fill('id,name,groups\nvan-1,Van,vans\n')
  await page.getByRole('button', { name: 'What would it do?' }).click()
  await page.getByText('1 would be new').waitFor()
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await page.getByText('1 are new').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).first().click()

  await page.getByRole('row', { name: /van-1/ }).getByRole('button', { name: 'Claim code' }).click()
  await page.getByRole('button', { name: 'Make a code' }).click()
  await page.getByRole('img', { name: /QR code of/ }).waitFor()
  await assertAccessible(page, 'a claim code')
  const [code] = await page.locator('.secret code').allTextContents()
  const claimed = await fetch(`${platform.httpUrl}/api/v1/claims`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  })
  assert.equal(((await claimed.json()) as { deviceId: string }).deviceId, 'van-1')
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()

  await goTo(page, 'People')
  await page.getByRole('button', { name: 'New user' }).click()
  await page.getByLabel('Name to log in with').fill('ben')
  await page.getByLabel('Groups').fill('vans')
  await page.getByRole('button', { name: 'Create' }).click()
  const madePassword = await page.locator('.secret code').textContent()
  const login = await fetch(`${platform.httpUrl}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'ben', password: madePassword }),
  })
  assert.equal(login.status, 200)
  await page.getByRole('button', { name: 'I have kept it' }).click()
  await page.getByRole('row', { name: /ben/ }).getByText('group vans').waitFor()

  await goTo(page, 'Sharing')
  await page.getByRole('button', { name: 'Share a position' }).click()
  await page.getByLabel('Devices').fill('van-1')
  await page.getByLabel('Headline of the page').fill('Your parcel')
  await assertAccessible(page, 'the form of a share link')
  await page.getByRole('button', { name: 'Make the link' }).click()
  const url = await page.locator('.secret code').textContent()
  assert.match(url!, /\/share#/)
  await page.getByRole('button', { name: 'Done' }).click()
  const row = page.getByRole('row', { name: /Your parcel/ })
  await row.getByRole('button', { name: 'Revoke' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await row.getByText('revoked').waitFor()

  await goTo(page, 'Audit')
  await page.getByLabel('What', { exact: true }).fill('share')
  await page.getByText('share.revoke').waitFor()
  await page.getByText('share.create').waitFor()
})
