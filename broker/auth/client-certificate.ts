import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { isId, isOrg, type Principal, principalOf } from '../../contract/index.ts'
import { listedName } from './revocation-list.ts'

/** A client certificate that our CA vouches for and that names a device. */
export interface DeviceCertificate {
  readonly org: string
  readonly deviceId: string
  /** SHA-256 of the DER, lower-case hexadecimal. */
  readonly fingerprint: string
  readonly subject: string
  readonly issuer: string
  readonly serial: string
  /** As a revocation list would name it. */
  readonly listedAs: string
  readonly validFromMs: number
  readonly validToMs: number
}

/** What a TLS client showed: a device, or something that is nobody's identity, and why. */
export type ShownCertificate =
  | { readonly device: DeviceCertificate }
  | {
      readonly device: null
      readonly reason: 'certificate_untrusted' | 'certificate_unnamed'
      readonly message: string
    }

/** Decides which certificates are let in beside what the CA says, and is told of those that come. */
export interface CertificateDesk {
  /** @throws TrackwireError certificate_revoked */
  admit(certificate: DeviceCertificate): void
  /** Called once a certificate is not to be let in any more. */
  onRevoked(listener: (certificate: { org: string; deviceId: string; fingerprint: string }) => void): () => void
}

const SCHEME = 'trackwire:'

/** Reads what the peer of a finished handshake showed; undefined when it showed nothing. */
export function shownCertificate(socket: TLSSocket): ShownCertificate | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  if (!socket.authorized) {
    const why = String(socket.authorizationError ?? 'not signed by the CA')
    return {
      device: null,
      reason: 'certificate_untrusted',
      message: `the client certificate is not accepted: ${why}`,
    }
  }
  const named = nameOf(certificate)
  if (named === null) {
    return {
      device: null,
      reason: 'certificate_unnamed',
      message: `the client certificate names no device: give it the URI ${SCHEME}ORG/DEVICE as subjectAltName, or the subject O=ORG, CN=DEVICE`,
    }
  }
  return {
    device: {
      ...named,
      fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
      subject: oneLine(certificate.subject),
      issuer: oneLine(certificate.issuer),
      serial: certificate.serialNumber,
      listedAs: listedName(certificate.raw),
      validFromMs: Date.parse(certificate.validFrom),
      validToMs: Date.parse(certificate.validTo),
    },
  }
}

/** The device as a principal: its rights end with the certificate. */
export function principalOfCertificate({ org, deviceId, validFromMs, validToMs }: DeviceCertificate): Principal {
  return principalOf({
    org,
    sub: deviceId,
    role: 'device',
    iat: validFromMs / 1_000,
    exp: Math.floor(validToMs / 1_000),
  })
}

/**
 * A URI of ours in the subjectAltName decides; without one, the subject's one organisation and one common name. Anything
 * that could be read in two ways names nobody.
 */
export function nameOf(certificate: X509Certificate): { org: string; deviceId: string } | null {
  const uris = urisOf(certificate.subjectAltName ?? '').filter(uri => uri.toLowerCase().startsWith(SCHEME))
  if (uris.length > 1) return null
  const [uri] = uris
  if (uri !== undefined) {
    const [org, deviceId, ...more] = uri.slice(SCHEME.length).split('/')
    return more.length === 0 ? checked(org, deviceId) : null
  }
  const { O, CN } = certificate.toLegacyObject().subject as unknown as Record<string, unknown>
  return checked(O, CN)
}

function checked(org: unknown, deviceId: unknown): { org: string; deviceId: string } | null {
  return isOrg(org) && isId(deviceId) ? { org, deviceId } : null
}

/** Node writes `URI:…, DNS:…`, and puts what could be mistaken into a JSON string. */
function urisOf(subjectAltName: string): string[] {
  const names = subjectAltName.match(/(?:[^",]|"(?:[^"\\]|\\.)*")+/g) ?? []
  return names.map(name => name.trim()).flatMap(name => (name.startsWith('URI:') ? [name.slice(4)] : []))
}

function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').join(', ').slice(0, 500)
}
