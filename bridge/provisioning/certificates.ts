import type { Logger } from 'pino'
import { TrackwireError } from '../../contract/index.ts'
import { startTicker } from '../ingest/ticker.ts'
import { type Act, recordAudit } from '../store/audit.ts'
import type { Database } from '../store/database.ts'
import {
  type CertificateKey,
  loadRevokedCertificates,
  recordSeenCertificates,
  revokeCertificate,
  type SeenCertificate,
} from '../store/device-certificates.ts'

/** A reconnecting fleet shows its certificates all at once: they are written down together. */
const LOOK_EVERY_MS = 1_000
/** Clocks of nodes differ, and transactions take a while: so far back a look begins. */
const LOOK_BACK_MS = 60_000

type Listener = (certificate: CertificateKey) => void

/** Client certificates of devices: which were seen, and which are not let in any more whatever the CA says. */
export class Certificates {
  readonly #db: Database
  readonly #now: () => number
  readonly #logger: Logger
  readonly #revoked = new Set<string>()
  readonly #listeners = new Set<Listener>()
  #seen = new Map<string, SeenCertificate>()
  #lookedAtMs = 0
  #ticker: { close(): Promise<void> } | undefined

  private constructor({
    db,
    logger,
    now = Date.now,
  }: { db: Database; logger: Logger; now?: (() => number) | undefined }) {
    this.#db = db
    this.#logger = logger
    this.#now = now
  }

  /** Loads what is revoked. */
  static async open(options: {
    db: Database
    logger: Logger
    now?: (() => number) | undefined
  }): Promise<Certificates> {
    const certificates = new Certificates(options)
    await certificates.#look()
    return certificates
  }

  /** @throws TrackwireError certificate_revoked */
  admit(certificate: Omit<SeenCertificate, 'seenAt'>): void {
    const key = keyOf(certificate)
    if (this.#revoked.has(key)) {
      throw new TrackwireError(
        'certificate_revoked',
        'the client certificate was revoked; this device needs another one',
      )
    }
    this.#seen.set(key, { ...certificate, seenAt: this.#now() })
  }

  /** From now on what other nodes revoke is heard of within a second, too. */
  onRevoked(listener: Listener): () => void {
    this.#ticker ??= startTicker(
      LOOK_EVERY_MS,
      () => this.flush().then(() => (this.#db.isShared ? this.#look() : undefined)),
      error => this.#logger.warn({ err: error }, 'client certificates could not be read or written down; trying again'),
    )
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Committed when it resolves; connections that were admitted by it end. */
  async revoke(certificate: CertificateKey, act: Act): Promise<void> {
    await this.#db.transaction(async tx => {
      await revokeCertificate(tx, certificate, act.actor, this.#now())
      await recordAudit(tx, act, this.#now())
    })
    this.#apply(certificate)
  }

  /** Resolves when what was seen before is in the database. */
  async flush(): Promise<void> {
    if (this.#seen.size === 0) return
    const seen = this.#seen
    this.#seen = new Map()
    try {
      await recordSeenCertificates(this.#db, [...seen.values()])
    } catch (error) {
      this.#seen = new Map([...seen, ...this.#seen])
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#ticker?.close()
    this.#listeners.clear()
    await this.flush().catch(error =>
      this.#logger.warn({ err: error }, 'client certificates could not be written down'),
    )
  }

  async #look(): Promise<void> {
    const beganAtMs = this.#now()
    for (const revoked of await loadRevokedCertificates(this.#db, this.#lookedAtMs - LOOK_BACK_MS)) this.#apply(revoked)
    this.#lookedAtMs = beganAtMs
  }

  #apply(certificate: CertificateKey): void {
    const key = keyOf(certificate)
    if (this.#revoked.has(key)) return
    this.#revoked.add(key)
    for (const listener of this.#listeners) listener(certificate)
  }
}

function keyOf({ org, deviceId, fingerprint }: CertificateKey): string {
  return `${org}/${deviceId}/${fingerprint}`
}
