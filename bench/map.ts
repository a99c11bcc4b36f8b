/**
 * The live map under ten thousand movers at one fix a second each, in headless Chromium: what it costs the page's main thread,
 * beside a naive map that sets its whole collection anew, in the same run under the same messages. Rendering is in software, which says
 * nothing of a graphics card: so script time is counted, and all of the main thread beside it.
 *
 *   node dist/bench/map.js [--movers 10000] [--seconds 20]
 */
import { type CDPSession, chromium, type Page } from 'playwright-core'
import { findChromium } from '../test/support/chromium.ts'
import { startTestPlatform } from '../test/support/platform.ts'
import { openScope } from '../test/support/scope.ts'
import { readOptions } from './load/read-options.ts'
import { startMapLoad } from './map-load.ts'

const WARM_UP_MS = 5_000
const VIEWPORT = { width: 1_440, height: 900 }

const values = readOptions('bench:map', {
  movers: '10000',
  seconds: '20',
})
const movers = Number(values.movers)
const seconds = Number(values.seconds)

interface Cost {
  /** Of the main thread, milliseconds for one fix of each mover: that is a second, if the machine keeps up. */
  readonly scriptMs: number
  readonly allMs: number
  readonly fixesPerSecond: number
  /** Tasks over 50 ms, a second. */
  readonly longTasks: number
  readonly longestTaskMs: number
  readonly heapMb: number
}

const scope = openScope()
try {
  const executablePath = findChromium()
  if (executablePath === null) throw new Error('no Chromium is installed; set CHROMIUM_PATH')
  const platform = await startTestPlatform(scope)
  const url = await startMapLoad(scope, platform.httpUrl, movers)
  const token = await platform.token({ role: 'admin', sub: 'bench' })
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] })
  scope.after(() => browser.close())

  const measured: Record<string, Cost> = {}
  const measure = async (name: string, path: string, look: Look): Promise<void> => {
    const page = await browser.newPage({ viewport: VIEWPORT })
    page.on('pageerror', error => console.error(name, error))
    await page.goto(url + path)
    while ((await look(page)).known < movers) await page.waitForTimeout(1_000)
    await page.waitForTimeout(WARM_UP_MS)
    measured[name] = await costOf(page, look)
    console.log(name, measured[name])
    await page.close()
  }
  await measure('dashboard', `/#token=${token}`, seenByDashboard)
  await measure('naive', '/naive', seenByNaive)
  console.table(measured)
} finally {
  await scope.release()
}

async function costOf(page: Page, look: Look): Promise<Cost> {
  const session = await page.context().newCDPSession(page)
  // Time of the thread, not of the clock: what else the machine does is not counted.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  await page.evaluate(() => {
    const view = globalThis as unknown as { long: number[] }
    view.long = []
    const observer = new PerformanceObserver(list => view.long.push(...list.getEntries().map(entry => entry.duration)))
    // A type of entry that browsers have and Node does not.
    observer.observe({ entryTypes: ['longtask' as 'measure'] })
  })
  const before = await metricsOf(session)
  const startMs = performance.now()
  const fixesBefore = (await look(page)).fixes
  await page.waitForTimeout(seconds * 1_000)
  const after = await metricsOf(session)
  const fixes = (await look(page)).fixes - fixesBefore
  const passedMs = performance.now() - startMs
  const long = await page.evaluate(() => (globalThis as unknown as { long: number[] }).long)
  await session.send('HeapProfiler.collectGarbage')
  const { JSHeapUsedSize } = await metricsOf(session)
  const ms = (name: string): number => round((1_000 * (after[name]! - before[name]!) * movers) / fixes)
  return {
    scriptMs: ms('ScriptDuration'),
    allMs: ms('TaskDuration'),
    fixesPerSecond: Math.round((1_000 * fixes) / passedMs),
    longTasks: round(long.length / seconds),
    longestTaskMs: round(Math.max(0, ...long)),
    heapMb: round(JSHeapUsedSize! / 1e6),
  }
}

async function metricsOf(session: CDPSession): Promise<Record<string, number>> {
  const { metrics } = await session.send('Performance.getMetrics')
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]))
}

/** How many movers a page shows, and how many fixes it has taken in so far. */
type Look = (page: Page) => Promise<{ readonly known: number; readonly fixes: number }>

function seenByNaive(page: Page): ReturnType<Look> {
  return page.evaluate(() => {
    const { seen } = globalThis as unknown as { seen?(): { known: number; fixes: number } }
    return seen?.() ?? { known: 0, fixes: 0 }
  })
}

function seenByDashboard(page: Page): ReturnType<Look> {
  return page.evaluate(() => {
    const view = globalThis as unknown as {
      __trackwire?: { snapshot(): { devices: { drawn: unknown }[]; fixesTaken: number } }
    }
    const shown = view.__trackwire?.snapshot()
    const known = shown?.devices.filter(({ drawn }) => drawn !== null).length ?? 0
    return { known, fixes: shown?.fixesTaken ?? 0 }
  })
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
