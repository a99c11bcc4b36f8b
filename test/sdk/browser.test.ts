import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { MqttClient } from 'mqtt'
import type { BrowserContext, Page } from 'playwright-core'
import { build } from 'vite'
import type { LocationUpdate } from '../../contract/index.ts'
import { withBrowser } from '../support/chromium.ts'
import { startCutProxy } from '../support/cut-proxy.ts'
import { eventually } from '../support/eventually.ts'
import { type RunningPlatform, startTestPlatform } from '../support/platform.ts'
import { temporaryFolder } from '../support/scope.ts'
import { SQUARE } from '../support/square-walk.ts'
import { serveFiles } from '../support/static-server.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const WITHIN = { timeout: 60_000 }
const DESK = { role: 'dispatcher', sub: 'desk' } as const

interface Stage {
  readonly platform: RunningPlatform
  readonly browser: BrowserContext
  /** Of the pages, which is another one than the platform's. */
  readonly origin: string
  readonly van: MqttClient
  drive(lat: number, lng: number): Promise<number>
}

/** Pages built as an app's bundler would, on an origin of their own, and the real platform. */
async function setStage(t: TestContext): Promise<Stage | null> {
  const folder = await temporaryFolder(t)
  const browser = await withBrowser(t)
  if (browser === null) return null
  await Promise.all([
    buildPage('examples/react', join(folder, 'react')),
    buildPage('test/sdk/hooks-page', join(folder, 'hooks-19')),
    buildPage('test/sdk/hooks-page', join(folder, 'hooks-18'), {
      react: join(ROOT, 'node_modules/react18'),
      'react-dom': join(ROOT, 'node_modules/react-dom18'),
    }),
    cp(join(ROOT, 'examples/html/index.html'), join(folder, 'html/index.html')),
  ])
  const origin = await serveFiles(t, folder)
  const platform = await startTestPlatform(t, { environment: { TRACKWIRE_ALLOWED_ORIGINS: origin } })
  const van = await platform.connect({ role: 'device', sub: 'van-1' })
  let timestamp = Date.now() - 60_000
  const drive = async (lat: number, lng: number): Promise<number> => {
    timestamp += 1_000
    const fix = { timestamp, location: { lat, lng, speed: 10 } }
    await van.publishAsync('demo/devices/van-1/location', JSON.stringify(fix), { qos: 1 })
    return timestamp
  }
  await drive(0.001, 0.001)
  return { platform, browser, origin, van, drive }
}

async function buildPage(source: string, outDir: string, alias: Record<string, string> = {}): Promise<void> {
  await build({
    configFile: false,
    root: join(ROOT, source),
    base: './',
    logLevel: 'error',
    resolve: { alias },
    build: { outDir, emptyOutDir: true, minify: false },
  })
}

/** What Chromium itself says of a network that is cut, by reset or by end. */
const OF_THE_NETWORK = /ERR_|favicon|404|closed before receiving a handshake/

async function openPage(
  t: TestContext,
  { browser, origin }: Stage,
  path: string,
  said: Record<string, string>,
): Promise<Page> {
  const page = await browser.newPage()
  const faults: string[] = []
  page.on('pageerror', error => faults.push(error.message))
  page.on(
    'console',
    message => message.type() === 'error' && !OF_THE_NETWORK.test(message.text()) && faults.push(message.text()),
  )
  t.after(() => assert.deepEqual(faults, []))
  await page.goto(`${origin}/${path}/#${new URLSearchParams(said)}`)
  return page
}

interface Seen {
  readonly version: string
  readonly connected: boolean
  readonly age: number
  readonly devices: readonly { readonly id: string; readonly status: { readonly state: string } | null }[]
  readonly positions: readonly [string, LocationUpdate][]
  readonly vehicle: { readonly timestamp: number | null; readonly connected: boolean }
  readonly shared: { readonly lat: number } | null
  readonly alerts: readonly { readonly event: string }[]
  readonly fences: readonly string[]
  readonly presence: { readonly state: string } | null
  readonly sos: { readonly open: readonly { readonly alertId: string; readonly event: string }[] }
}

test('the SDK in a real browser', async t => {
  const stage = await setStage(t)
  if (stage === null) return
  const { platform, browser, origin, van, drive } = stage
  const token = await platform.token(DESK)

  await t.test('the plain page shows where the device is, moving, and says when it is old', async t => {
    const page = await openPage(t, stage, 'html', { url: platform.httpUrl, token, device: 'van-1' })
    await page.locator('#connection', { hasText: 'live' }).waitFor(WITHIN)
    await page.locator('#name', { hasText: 'van-1 is online' }).waitFor(WITHIN)
    await drive(0.002, 0.001)
    await page.locator('#position', { hasText: '0.00200, 0.00100' }).waitFor(WITHIN)
    await drive(0.002, 0.002)
    await page.locator('#position', { hasText: '0.00200, 0.00200' }).waitFor(WITHIN)
    await browser.setOffline(true)
    await page.locator('#map.old').waitFor({ ...WITHIN, state: 'attached' })
    await drive(0.003, 0.002)
    await browser.setOffline(false)
    await page.locator('#position', { hasText: '0.00300, 0.00200' }).waitFor(WITHIN)
    await page.locator('#connection', { hasText: 'live' }).waitFor(WITHIN)
    await page.close()
  })

  await t.test('the React app lists devices, follows one, and answers an SOS', async t => {
    const page = await openPage(t, stage, 'react', { url: platform.httpUrl, token })
    await page.getByRole('button', { name: 'van-1' }).click(WITHIN)
    await drive(0.004, 0.002)
    await page.getByTestId('vehicle').filter({ hasText: '0.00400, 0.00200, 36 km/h' }).waitFor(WITHIN)
    const cry = { action: 'trigger', id: 'press-1', timestamp: Date.now(), message: 'help' }
    await van.publishAsync('demo/devices/van-1/sos', JSON.stringify(cry), { qos: 1 })
    await page.getByRole('button', { name: 'Acknowledge' }).click(WITHIN)
    await page.getByRole('alert').filter({ hasText: '(acknowledged)' }).waitFor(WITHIN)
    await van.publishAsync('demo/devices/van-1/sos', JSON.stringify({ ...cry, action: 'cancel' }), { qos: 1 })
    await page.getByRole('alert').waitFor({ ...WITHIN, state: 'detached' })
    await page.close()
  })

  for (const major of ['18', '19']) {
    await t.test(`every hook under React ${major} in strict mode, without a render that nobody asked for`, async t => {
      const userToken = await platform.token({ role: 'user', sub: 'ann', devices: ['van-1'] })
      const page = await openPage(t, stage, `hooks-${major}`, { url: platform.httpUrl, token, userToken })
      const seen = (): Promise<Seen> => page.evaluate('window.seen')
      const until = (what: string, holds: (seen: Seen) => boolean): Promise<void> =>
        eventually(what, async () => holds(await seen()))
      await until('the connection', ({ connected }) => connected)
      assert.equal((await seen()).version.split('.')[0], major)
      await platform.request(`/api/v1/fences/hooks-${major}`, {
        ...DESK,
        method: 'PUT',
        body: { ...SQUARE, id: `hooks-${major}` },
      })
      await until('the fence', ({ fences }) => fences.includes(`hooks-${major}`))
      await until(
        'the device',
        ({ devices, presence }) => devices[0]?.status?.state === 'online' && presence?.state === 'online',
      )
      await drive(0.01, 0.01)
      await drive(0.001, 0.001)
      await until('the alerts', ({ alerts }) =>
        ['enter', 'exit'].every(wanted => alerts.some(({ event }) => event === wanted)),
      )

      const before = await page.evaluate<Record<string, number>>('({ ...window.renders })')
      let newest = 0
      for (let i = 0; i < 20; i++) newest = await drive(0.001, 0.001 + i / 100_000)
      await until('the newest position', ({ vehicle, positions, shared }) => {
        const isThere = vehicle.timestamp === newest && positions[0]?.[1].timestamp === newest
        return isThere && shared?.lat === 0.001
      })
      const after = await page.evaluate<Record<string, number>>('({ ...window.renders })')
      for (const quiet of ['devices', 'alerts', 'fences', 'presence', 'sos', 'gps']) {
        assert.equal(after[quiet], before[quiet], `${quiet} rendered for a position`)
      }
      // The connection may have changed its state meanwhile, which is told; for twenty positions it would be twenty times, or forty.
      assert.ok(after.connected! - before.connected! < 20, `${after.connected! - before.connected!} renders`)
      assert.ok(after.vehicle! > before.vehicle!)

      await browser.grantPermissions(['geolocation'], { origin })
      await browser.setGeolocation({ latitude: 41, longitude: -8, accuracy: 5 })
      await page.evaluate('window.startTracking({ deviceId: "van-1" })')
      await eventually('the own position', () =>
        page.evaluate<boolean>('window.seen.gps.tracking && window.seen.gps.where?.lat === 41'),
      )
      await page.evaluate('window.stopTracking()')
      await eventually('the end of it', () => page.evaluate<boolean>('!window.seen.gps.tracking'))
      await page.evaluate('window.setIsShown(false)')
      await eventually('nobody is connected any more', async () => {
        const list = await platform.request('/api/v1/admin/connections', { role: 'admin', sub: 'ana' })
        return !JSON.stringify(await list.json()).includes('"sdk-')
      })
      await page.close()
    })
  }

  await t.test('a phone drives offline, its page is reloaded, and all of it arrives, once and in order', async t => {
    const proxy = await startCutProxy(t, platform.httpUrl)
    const phone = await platform.token({ role: 'device', sub: 'phone-1' })
    const page = await openPage(t, stage, 'html', { url: platform.httpUrl, token, device: 'phone-1' })
    await browser.grantPermissions(['geolocation'], { origin })
    const start = async (): Promise<void> => {
      // As text: the page knows its own import, the compiler's it does not.
      await page.evaluate(`import('${platform.httpUrl}/sdk/trackwire.js').then(({ RealtimeClient }) => {
        window.client = new RealtimeClient({ url: '${proxy.url}', token: '${phone}' })
        window.client.connect().catch(() => undefined)
      })`)
    }
    const buffered = (): Promise<number> => page.evaluate<number>('window.client.outbox.get().buffered')
    proxy.close()
    await start()
    await browser.setGeolocation({ latitude: 41, longitude: -8, accuracy: 5 })
    await page.evaluate('window.session = window.client.startTracking({ intervalMs: 0, minDistanceMeters: 1 })')
    const FIXES = 5
    for (let i = 1; i < FIXES; i++) {
      await eventually('the fix before', () => page.evaluate<boolean>(`window.session.state.get().sent >= ${i}`))
      await browser.setGeolocation({ latitude: 41 + i / 1_000, longitude: -8, accuracy: 5 })
    }
    await eventually('all of them wait', async () => (await buffered()) === FIXES)
    assert.equal(await page.evaluate<boolean>('window.client.outbox.get().isPersistent'), true)
    await page.reload()
    await start()
    await eventually('they wait still', async () => (await buffered()) === FIXES)
    proxy.open()
    await eventually('they are sent', async () => (await buffered()) === 0)
    const response = await platform.request('/api/v1/devices/phone-1/history', DESK)
    const { items } = (await response.json()) as { items: LocationUpdate[] }
    assert.deepEqual(
      items.map(({ attributes, location }) => [attributes?.sequence, location.lat]),
      Array.from({ length: FIXES }, (_, i) => [i + 1, 41 + i / 1_000]),
    )
  })

  await t.test('the Node.js examples: one drives, the other one sees it', async t => {
    const folder = await temporaryFolder(t)
    const run = async (script: string, who: Parameters<typeof platform.token>[0], ...args: string[]) => {
      const child = spawn(process.execPath, [
        join(ROOT, 'examples/node', script),
        platform.httpUrl,
        await platform.token(who),
        ...args,
      ])
      t.after(() => void child.kill('SIGKILL'))
      const printed: string[] = []
      for (const stream of [child.stdout, child.stderr]) stream.on('data', data => printed.push(String(data)))
      return { child, text: () => printed.join('') }
    }
    const watcher = await run('watch.mjs', DESK)
    await eventually('the watcher is there', () => watcher.text().includes('online'))
    const driver = await run('drive.mjs', { role: 'device', sub: 'truck-7' }, join(folder, 'outbox'), '5', '10')
    await eventually('the drive', () => driver.text().includes('5 fixes stored'))
    await eventually('it is seen', () => watcher.text().includes('truck-7 20'))
    watcher.child.kill('SIGINT')
    await eventually('the watcher ends', () => watcher.child.exitCode === 0)
  })
})
