import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions } from 'node:tls'

/** Where the files of TLS are. */
export interface TlsPaths {
  readonly cert: string
  readonly key: string
  readonly ca?: string | undefined
  readonly crl?: string | undefined
}

/** What is in them, PEM. */
export interface TlsMaterial {
  readonly cert: string
  readonly key: string
  /** Whoever signs the client certificates of devices. */
  readonly ca?: string | undefined
  /** Client certificates that were revoked. */
  readonly crl?: string | undefined
}

const VARIABLES = {
  cert: 'TRACKWIRE_TLS_CERT',
  key: 'TRACKWIRE_TLS_KEY',
  ca: 'TRACKWIRE_TLS_CA',
  crl: 'TRACKWIRE_TLS_CRL',
} as const
type Part = keyof typeof VARIABLES

/** TLS 1.3's own, then forward secrecy and authenticated encryption only: Mozilla's "intermediate" without DHE, which needs parameters. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/** HTTPS and WSS: nobody is asked for a certificate. */
export function httpsOptions({ cert, key }: TlsMaterial): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2', ciphers: CIPHERS, honorCipherOrder: true }
}

/** MQTTS: with a CA, devices may come by certificate. */
export function mqttsOptions(material: TlsMaterial): SecureContextOptions {
  const { ca, crl } = material
  return { ...httpsOptions(material), ...(ca !== undefined && { ca }), ...(crl !== undefined && { crl }) }
}

/** Reads and checks the files. Null when one cannot be used; then `problems` says why, and how to mend it. */
export function readTlsFiles(paths: TlsPaths, problems: string[]): TlsMaterial | null {
  const before = problems.length
  const material: Partial<Record<Part, string>> = {}
  for (const part of Object.keys(VARIABLES) as Part[]) {
    const file = paths[part]
    if (file === undefined) continue
    try {
      material[part] = readFileSync(file, 'utf8')
    } catch (error) {
      problems.push(
        `${VARIABLES[part]}: cannot read ${file} (${(error as NodeJS.ErrnoException).code}); give the path of a PEM file`,
      )
    }
  }
  if (problems.length === before) problems.push(...faultsOf(material as TlsMaterial))
  return problems.length === before ? (material as TlsMaterial) : null
}

/** OpenSSL's own words name neither the variable nor the remedy. */
function faultsOf({ cert, key, ca, crl }: TlsMaterial): string[] {
  const checks: [part: Part, what: string, usable: () => boolean][] = [
    ['cert', 'no certificate in PEM', () => certificatesIn(cert) !== null && isUsable({ cert })],
    ['key', 'no private key in PEM without a passphrase', () => isUsable({ key })],
    ['ca', 'no certificate in PEM', () => ca === undefined || certificatesIn(ca) !== null],
    ['crl', 'no certificate revocation list in PEM', () => crl === undefined || isUsable({ crl })],
  ]
  const faults = checks
    .filter(([, , usable]) => !usable())
    .map(([part, what]) => `${VARIABLES[part]}: the file holds ${what}`)
  if (faults.length > 0 || isUsable({ cert, key })) return faults
  return ['TRACKWIRE_TLS_KEY is not the key of TRACKWIRE_TLS_CERT; give the two that were made together']
}

function isUsable(options: SecureContextOptions): boolean {
  try {
    createSecureContext(options)
    return true
  } catch {
    return false
  }
}

/** The certificates in a PEM file, in order; null when there is none, or one that cannot be read. */
export function certificatesIn(pem: string): X509Certificate[] | null {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g)
  try {
    return blocks?.map(block => new X509Certificate(block)) ?? null
  } catch {
    return null
  }
}

const DAY_MS = 86_400_000
export const WARN_BEFORE_MS = 14 * DAY_MS

/** When the certificate that the platform shows ends, milliseconds. */
export function expiresAtMs({ cert }: Pick<TlsMaterial, 'cert'>): number {
  return Date.parse(new X509Certificate(cert).validTo)
}

/**
 * Checks what a client would find wrong: the dates of the chain, and that each certificate signs the one before it.
 * @returns what there is, in a few words
 * @throws Error with a sentence on how to mend it
 */
export function checkChain({ cert }: Pick<TlsMaterial, 'cert'>, nowMs: number): string {
  const chain = certificatesIn(cert) ?? []
  for (const [i, certificate] of chain.entries()) {
    const name = certificate.subject.replaceAll('\n', ', ')
    const issuer = chain[i + 1]
    if (Date.parse(certificate.validFrom) > nowMs)
      throw new Error(
        `the certificate ${name} is valid from ${certificate.validFrom} on: check the clock of this machine`,
      )
    const leftMs = Date.parse(certificate.validTo) - nowMs
    if (leftMs <= 0) throw new Error(`the certificate ${name} has expired on ${certificate.validTo}: renew it`)
    if (leftMs < WARN_BEFORE_MS)
      throw new Error(
        `the certificate ${name} expires on ${certificate.validTo}, in ${Math.ceil(leftMs / DAY_MS)} days: renew it`,
      )
    if (issuer !== undefined && !certificate.verify(issuer.publicKey))
      throw new Error(
        `the certificate ${name} is not signed by the one behind it in TRACKWIRE_TLS_CERT: put the server's first, then each issuer`,
      )
  }
  const days = Math.floor((Date.parse(chain[0]!.validTo) - nowMs) / DAY_MS)
  return `${chain.length} certificate(s), good for ${days} days`
}
