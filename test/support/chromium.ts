import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type BrowserContext, type BrowserContextOptions, chromium } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
/** Nothing but what the test asks for: no telemetry, no updates, no component downloads. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Where Chromium is: `CHROMIUM_PATH`, else where distributions put it; null when there is none. */
export function findChromium(environment: NodeJS.ProcessEnv = process.env): string | null {
  const { CHROMIUM_PATH } = environment
  if (CHROMIUM_PATH !== undefined && CHROMIUM_PATH !== '') return CHROMIUM_PATH
  return PLACES.find(place => existsSync(place)) ?? null
}

/**
 * A headless browser with an empty profile, closed and removed when the test ends.
 * Skips the test, visibly, when no Chromium is installed: then the answer is null and the test should return.
 */
export async function withBrowser(t: TestContext, options: BrowserContextOptions = {}): Promise<BrowserContext | null> {
  const executablePath = findChromium()
  if (executablePath === null) {
    t.skip('no Chromium is installed; set CHROMIUM_PATH to run the browser tests')
    return null
  }
  const profile = await mkdtemp(join(tmpdir(), 'trackwire-chromium-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: FLAGS,
    viewport: { width: 1_440, height: 900 },
    ...options,
  })
  t.after(async () => {
    await context.close()
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  })
  return context
}
