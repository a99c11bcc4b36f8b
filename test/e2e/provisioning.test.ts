import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import type { Page } from 'playwright-core'
import { withBrowser } from '../support/chromium.ts'
import { startTestPlatform } from '../support/platform.ts'
import { temporaryFolder } from '../support/scope.ts'
import { trackwire } from '../support/trackwire-command.ts'
import { Ear } from '../support/wire.ts'

const ADMIN = { role: 'admin', sub: 'ana' } as const
const GATEWAY = { role: 'service', sub: 'gateway-1' } as const
const WITHIN_MS = 60_000
const fixAt = (timestamp: number) => JSON.stringify({ timestamp, location: { lat: 41.15, lng: -8.61 } })

async function openPage(t: TestContext, more = {}): Promise<Page | null> {
  const browser = await withBrowser(t, more)
  if (browser === null) return null
  const page = browser.pages()[0] ?? (await browser.newPage())
  page.setDefaultTimeout(WITHIN_MS)
  const faults: string[] = []
  page.on('pageerror', error => faults.push(error.message))
  page.on('console', message => message.text().includes('Content Security Policy') && faults.push(message.text()))
  t.after(() => assert.deepEqual(faults, []))
  return page
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`a device that nobody knows is adopted on the dashboard (${colorScheme}), by keyboard alone`, async t => {
    const page = await openPage(t, { colorScheme })
    if (page === null) return
    const platform = await startTestPlatform(t, { environment: { TRACKWIRE_DEVICE_ADOPTION: 'inbox' } })
    const gateway = await platform.connect(GATEWAY)
    const ear = new Ear(gateway)
    await gateway.subscribeAsync('demo/users/gateway-1/errors')
    const startMs = Date.now()
    await gateway.publishAsync('demo/devices/van-9/location', fixAt(startMs), { qos: 0 })
    await ear.hear<{ code?: string }>('that van-9 is unknown', ({ payload }) => payload.code === 'device_unknown')
    // With adoption by inbox a device's own valid token does not register it either.
    const truck = await platform.connect({ role: 'device', sub: 'truck-7' })
    await truck.publishAsync('demo/devices/truck-7/location', fixAt(startMs), { qos: 1 })
    await truck.publishAsync('demo/devices/truck-7/location', fixAt(startMs + 1_000), { qos: 1 })
    assert.equal((await platform.request('/api/v1/devices/truck-7', ADMIN)).status, 404)

    await page.goto(`${platform.httpUrl}/#token=${await platform.token({ role: 'user', sub: 'ben' })}`)
    await page.getByRole('region', { name: 'Devices' }).waitFor()
    assert.equal(await page.getByRole('region', { name: 'New devices' }).count(), 0, 'only administrators see them')
    await page.goto('about:blank')
    await page.goto(`${platform.httpUrl}/#token=${await platform.token(ADMIN)}`)
    const fresh = page.getByRole('region', { name: 'New devices' })
    await fresh.getByText('truck-7', { exact: true }).waitFor()
    await fresh.getByText('1 message from gateway-1 at 127.0.0.1').waitFor()
    const row = fresh.getByRole('listitem').filter({ hasText: '2 messages from truck-7' })
    await row.getByText('Last message, location').focus()
    await page.keyboard.press('Enter')
    await row.getByText(`"timestamp": ${startMs + 1_000}`).waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate('document.activeElement.getAttribute("aria-label")'), 'Adopt truck-7')
    await page.keyboard.press('Enter')
    await page.getByText('truck-7 is registered, with 2 earlier fixes.').waitFor()
    await page.getByRole('button', { name: 'Dismiss van-9' }).click()
    await fresh.waitFor({ state: 'detached' })

    const history = await (await platform.request('/api/v1/devices/truck-7/history', ADMIN)).json()
    assert.equal((history as { items: unknown[] }).items.length, 2)
    await truck.publishAsync('demo/devices/truck-7/location', fixAt(startMs + 2_000), { qos: 1 })
    assert.equal((await platform.request('/api/v1/devices/truck-7/last', ADMIN)).status, 200)
    // An SOS registers its device however devices are adopted.
    const lost = await platform.connect({ role: 'device', sub: 'lost-1' })
    const sos = { action: 'trigger', id: 's-1', timestamp: startMs }
    await lost.publishAsync('demo/devices/lost-1/sos', JSON.stringify(sos), { qos: 1 })
    assert.equal((await platform.request('/api/v1/devices/lost-1', ADMIN)).status, 200)
  })
}

test('a code from a link becomes credentials that work; the code stays out of the address and the log', async t => {
  const page = await openPage(t, { viewport: { width: 390, height: 844 } })
  if (page === null) return
  const platform = await startTestPlatform(t, { environment: { TRACKWIRE_LOG_LEVEL: 'debug' } })
  await platform.request('/api/v1/devices', { ...ADMIN, body: { id: 'truck-7' } })
  const made = await platform.request('/api/v1/devices/truck-7/claim-codes', { ...ADMIN, body: {} })
  const { url, code } = (await made.json()) as { url: string; code: string }
  assert.equal(new URL(url).origin, platform.httpUrl)

  await page.goto(url)
  assert.equal(await page.getByLabel('Code').inputValue(), code)
  assert.equal(new URL(page.url()).hash, '')
  await page.getByRole('button', { name: 'Show the credentials' }).click()
  const shown = page.getByRole('article', { name: 'Credentials' })
  const value = (name: string) =>
    shown
      .locator('section', { hasText: 'MQTT' })
      .locator('div', { has: page.getByText(name, { exact: true }) })
      .locator('code')
      .first()
      .textContent()
  const [host, port, password, topic] = await Promise.all(
    ['Host', 'Port', 'Password', 'Topic of a position'].map(value),
  )
  assert.equal(`mqtt://${host}:${port}`, platform.mqttUrl)
  const truck = await platform.connect({ role: 'device', sub: 'truck-7' }, { password: password! })
  await truck.publishAsync(topic!, fixAt(Date.now()), { qos: 1 })
  assert.equal((await platform.request('/api/v1/devices/truck-7/last', ADMIN)).status, 200)

  await page.goto(`${platform.httpUrl}/claim`)
  await page.getByLabel('Code').fill(code.toLowerCase())
  await page.keyboard.press('Enter')
  await page.getByText('This code was used already.').waitFor()
  assert.ok(!platform.output().includes(code))
})

test('trackwire device import and list, beside a running platform and without one', async t => {
  const folder = await temporaryFolder(t)
  await writeFile(`${folder}/good.csv`, '\uFEFFid;name;groups\r\na;Ann;vans|north\r\nb;;\r\n')
  await writeFile(`${folder}/bad.csv`, 'id\na\na\nb b\n')
  const run = (dataDirectory: string, ...args: string[]) =>
    trackwire(t, ['device', ...args, '--org', 'demo'], { TRACKWIRE_DATA: dataDirectory }, folder)
  const check = async (dataDirectory: string): Promise<void> => {
    const dry = await run(dataDirectory, 'import', 'good.csv', '--dry-run')
    assert.equal(dry.stdout, 'would be new 2, changed 0, as they were 0\n', dry.stderr)
    const bad = await run(dataDirectory, 'import', 'bad.csv')
    assert.equal(bad.code, 1)
    assert.match(bad.stderr, /line 3, id: a is in line 2 already\nline 4, id: "b b" is not 1 to 64/)
    assert.match(bad.stderr, /nothing was imported/)
    const done = await run(dataDirectory, 'import', 'good.csv', '--tokens')
    assert.match(done.stdout, /^id,token\na,eyJ\S+\nb,eyJ\S+\n$/, done.stderr)
    assert.match(done.stderr, /new 2, changed 0, as they were 0/)
    const { stdout } = await run(dataDirectory, 'list')
    assert.equal(stdout, 'a\tAnn\tvans,north\nb\t\t\n')
    assert.equal(JSON.parse((await run(dataDirectory, 'list', '--json')).stdout).length, 2)
  }
  await check(`${folder}/stopped`)
  const platform = await startTestPlatform(t)
  await check(platform.dataDirectory)
})
