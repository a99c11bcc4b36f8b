import { stat } from 'node:fs/promises'
import type { Logger } from 'pino'
import { Counter, Gauge, type Registry } from 'prom-client'
import { expiresAtMs, readTlsFiles, type TlsMaterial, type TlsPaths, WARN_BEFORE_MS } from './tls-files.ts'

const LOOK_EVERY_MS = 3_000
const DAY_MS = 86_400_000

export interface TlsWatchOptions {
  readonly paths: TlsPaths
  /** What is in use. */
  readonly material: TlsMaterial
  /** Uses it for new handshakes. */
  readonly apply: (material: TlsMaterial) => void
  readonly logger: Logger
  readonly registry: Registry
  readonly everyMs?: number
  readonly now?: () => number
}

export interface TlsWatch {
  /** Reads the files now, whether they look changed or not. */
  reload(): Promise<void>
  close(): void
}

/**
 * Looks at the files of TLS every few seconds, and uses what is in them once they have changed and rest. What cannot be used is
 * logged, and what was in use stays in use. Files are looked at by polling: a watch does not see what a mounted volume exchanges.
 */
export function watchTls(options: TlsWatchOptions): TlsWatch {
  const { paths, apply, logger, registry, everyMs = LOOK_EVERY_MS, now = Date.now } = options
  const files = [paths.cert, paths.key, paths.ca, paths.crl].filter(path => path !== undefined)
  let inUse = options.material
  let warnedAtMs = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined

  new Gauge({
    name: 'trackwire_tls_certificate_expires_at_seconds',
    help: 'When the certificate of the TLS listeners ends, seconds since the Unix epoch',
    registers: [registry],
    collect() {
      this.set(expiresAtMs(inUse) / 1_000)
    },
  })
  const reloads = new Counter({
    name: 'trackwire_tls_reloads_total',
    help: 'Changes of the TLS files that were taken into use, or refused',
    labelNames: ['result'],
    registers: [registry],
  })
  for (const result of ['renewed', 'refused']) reloads.inc({ result }, 0)

  function load(): void {
    const problems: string[] = []
    const material = readTlsFiles(paths, problems)
    if (material === null) {
      reloads.inc({ result: 'refused' })
      logger.error(
        { problems },
        `the TLS files have changed and cannot be used, so the old ones stay in use: ${problems.join('; ')}`,
      )
    } else if (!isSame(material, inUse)) {
      apply(material)
      inUse = material
      reloads.inc({ result: 'renewed' })
      logger.info(
        { expiresAt: new Date(expiresAtMs(material)).toISOString() },
        'the TLS files have changed and are in use',
      )
      warnedAtMs = Number.NEGATIVE_INFINITY
    }
    warnOfExpiry()
  }

  function warnOfExpiry(): void {
    const nowMs = now()
    const leftMs = expiresAtMs(inUse) - nowMs
    if (leftMs >= WARN_BEFORE_MS || nowMs - warnedAtMs < DAY_MS) return
    warnedAtMs = nowMs
    const when = leftMs > 0 ? `expires in ${Math.ceil(leftMs / DAY_MS)} days` : 'has expired'
    logger.warn({ expiresAt: new Date(expiresAtMs(inUse)).toISOString() }, `the TLS certificate ${when}; renew it`)
  }

  let loaded: string | undefined
  let seen: string | undefined
  async function look(): Promise<void> {
    const looks = await signatureOf(files)
    loaded ??= looks
    // Both files of a pair are not written in one instant: what is taken has looked the same twice.
    if (looks !== loaded && looks === seen) {
      loaded = looks
      load()
    }
    seen = looks
    warnOfExpiry()
  }

  const lookOnce = (): Promise<void> => {
    looking ??= look()
      .catch(error => logger.error({ err: error }, 'the TLS files could not be looked at'))
      .finally(() => {
        looking = undefined
      })
    return looking
  }
  const timer = setInterval(lookOnce, everyMs)
  timer.unref()
  void lookOnce()

  return {
    async reload() {
      loaded = await signatureOf(files)
      load()
    },
    close: () => clearInterval(timer),
  }
}

/** Changes when a file is written, exchanged or taken away. */
async function signatureOf(files: readonly string[]): Promise<string> {
  const looks = await Promise.all(
    files.map(file =>
      stat(file).then(
        ({ ino, size, mtimeMs }) => `${ino}:${size}:${mtimeMs}`,
        () => 'missing',
      ),
    ),
  )
  return looks.join(' ')
}

function isSame(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca && a.crl === b.crl
}
