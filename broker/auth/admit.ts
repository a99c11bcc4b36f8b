import type { Client, ConnectPacket } from 'aedes'
import {
  type AclRule,
  CHANNELS,
  decideTopic,
  decodePayload,
  type Principal,
  parseTopic,
  TrackwireError,
} from '../../contract/index.ts'
import { namespacedClientId } from '../client-namespace.ts'
import { translateOwnTracks } from '../owntracks.ts'
import {
  type CertificateDesk,
  type DeviceCertificate,
  principalOfCertificate,
  type ShownCertificate,
} from './client-certificate.ts'
import { currentPrincipal } from './live-rights.ts'
import type { Rights } from './rights.ts'

export type VerifyToken = (token: string) => Promise<Principal>

/** CONNACK return codes, MQTT 3.1.1 §3.2.2.3. */
export const CONNACK = { identifierRejected: 2, serverUnavailable: 3, badCredentials: 4, notAuthorized: 5 } as const

/** Why a CONNECT is refused, with its CONNACK return code. */
export class ConnectRefused extends Error {
  override readonly name = 'ConnectRefused'
  readonly returnCode: number
  readonly reason: string
  constructor(returnCode: number, reason: string, message: string) {
    super(message)
    this.returnCode = returnCode
    this.reason = reason
  }
}

/** Whose token a CONNECT brought; what it may do is asked when it enters. */
export interface Admission {
  readonly issued: Principal
  readonly ownClientId: string
  readonly username: string | undefined
  readonly will: ConnectPacket['will']
  /** The client certificate that vouches for it. */
  readonly certificate: DeviceCertificate | undefined
}

/** Who the sender of a will was, kept with it: it may be published after a restart. */
export interface WillSender {
  readonly org: string
  readonly sub: string
  readonly role: Principal['role']
  readonly devices: readonly string[]
  readonly acl: readonly AclRule[]
}

const MAX_CLIENT_ID_LENGTH = 256

/** By what a client may prove who it is. */
export interface Proofs {
  readonly verifyToken: VerifyToken
  /** What it showed in the TLS handshake. */
  readonly shown?: ShownCertificate | undefined
  readonly certificates?: CertificateDesk | undefined
}

/**
 * The first checks of a CONNECT: client id, certificate and token. The client id in the packet becomes the namespaced one.
 * @throws ConnectRefused
 */
export async function admit(packet: ConnectPacket, proofs: Proofs): Promise<Admission> {
  const ownClientId = checkClientId(packet)
  const certificate = proofs.shown?.device ?? undefined
  const issued = await checkIdentity(packet, proofs, certificate)
  ;(packet as { clientId: string }).clientId = namespacedClientId(issued, ownClientId)
  return { issued, ownClientId, username: packet.username, will: packet.will, certificate }
}

/**
 * The checks that hold for one moment, made in the same turn in which the connection enters: what its principal may do now, and its
 * will.
 * @throws ConnectRefused
 */
export function principalOnEntry(admission: Admission, rights: Rights): Principal {
  let principal: Principal
  try {
    principal = currentPrincipal(rights, admission)
  } catch (error) {
    if (!(error instanceof TrackwireError)) throw error
    const returnCode = error.code === 'principal_banned' ? CONNACK.notAuthorized : CONNACK.badCredentials
    throw new ConnectRefused(returnCode, error.code, error.message)
  }
  if (admission.will) checkWill(admission.will, principal)
  return principal
}

function checkClientId({ clientId = '', clean, protocolVersion }: ConnectPacket): string {
  // [MQTT-3.1.3-8]; MQTT 3.1 asks for at least one character.
  if (clientId === '' && (!clean || protocolVersion === 3)) {
    throw new ConnectRefused(
      CONNACK.identifierRejected,
      'client_id',
      'an empty client id asks for MQTT 3.1.1 and a clean session',
    )
  }
  if (clientId.length > MAX_CLIENT_ID_LENGTH) {
    throw new ConnectRefused(
      CONNACK.identifierRejected,
      'client_id',
      `the client id is over ${MAX_CLIENT_ID_LENGTH} characters`,
    )
  }
  return clientId
}

/** A certificate alone is the device that it names; with a token too, both have to name the same one. */
async function checkIdentity(
  packet: ConnectPacket,
  { verifyToken, shown, certificates }: Proofs,
  certificate: DeviceCertificate | undefined,
): Promise<Principal> {
  const token = tokenOf(packet, certificate !== undefined)
  if (certificate === undefined) {
    if (token !== '') return checkToken(token, verifyToken)
    if (shown?.device === null) throw new ConnectRefused(CONNACK.notAuthorized, shown.reason, shown.message)
    throw new ConnectRefused(CONNACK.notAuthorized, 'token_missing', 'no token was sent')
  }
  try {
    certificates?.admit(certificate)
  } catch (error) {
    if (!(error instanceof TrackwireError)) throw error
    throw new ConnectRefused(CONNACK.notAuthorized, error.code, error.message)
  }
  const device = principalOfCertificate(certificate)
  if (token === '') return device
  const principal = await checkToken(token, verifyToken)
  if (principal.org !== device.org || principal.sub !== device.sub || principal.role !== 'device') {
    throw new ConnectRefused(
      CONNACK.notAuthorized,
      'certificate_mismatch',
      `the token is not of ${device.org}/${device.sub}, the device that the client certificate names`,
    )
  }
  return upToCertificate(principal, certificate)
}

/** What the token allows, for no longer than the certificate is good. */
export function upToCertificate(principal: Principal, certificate: DeviceCertificate | undefined): Principal {
  if (certificate === undefined || principal.expiresAtMs <= certificate.validToMs) return principal
  return { ...principal, expiresAtMs: certificate.validToMs }
}

const LOOKS_LIKE_JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** A device that cannot send a password may send the token as its user name; beside a certificate, other user names mean nothing. */
function tokenOf({ password, username = '' }: ConnectPacket, hasCertificate: boolean): string {
  if (password !== undefined && password.length > 0) return password.toString()
  return hasCertificate && !LOOKS_LIKE_JWT.test(username) ? '' : username
}

async function checkToken(token: string, verifyToken: VerifyToken): Promise<Principal> {
  try {
    return await verifyToken(token)
  } catch (error) {
    const reason = error instanceof TrackwireError ? error.code : 'token_invalid'
    // Not the token's fault: a client shall come again with it.
    const passes = error instanceof TrackwireError && error.status === 503
    const returnCode = passes ? CONNACK.serverUnavailable : CONNACK.badCredentials
    throw new ConnectRefused(returnCode, reason, (error as Error).message)
  }
}

function checkWill(will: NonNullable<ConnectPacket['will']>, principal: Principal): void {
  translateWill(will, principal)
  const parsed = parseTopic(will.topic)
  const decision = decideTopic(principal, 'publish', will.topic, parsed, { qos: will.qos, retain: will.retain })
  if (!decision.allowed || parsed === null) {
    throw new ConnectRefused(
      CONNACK.notAuthorized,
      'will_forbidden',
      `the will may not be published to ${will.topic}: ${decision.reason}`,
    )
  }
  try {
    decodePayload(parsed.channel, Buffer.from(will.payload))
  } catch (error) {
    throw new ConnectRefused(
      CONNACK.notAuthorized,
      'will_invalid',
      `the will does not fit ${CHANNELS[parsed.channel].template}: ${(error as Error).message}`,
    )
  }
  const sender: WillSender = {
    org: principal.org,
    sub: principal.sub,
    role: principal.role,
    devices: [...principal.devices],
    acl: principal.acl,
  }
  ;(will as { sender?: WillSender }).sender = sender
}

/** The will of OwnTracks becomes the status "offline" of its device; what cannot be read is refused as it is. */
function translateWill(will: NonNullable<ConnectPacket['will']>, principal: Principal): void {
  try {
    translateOwnTracks(will as Parameters<typeof translateOwnTracks>[0], principal, undefined)
  } catch (error) {
    throw new ConnectRefused(
      CONNACK.notAuthorized,
      'will_invalid',
      `the will cannot be read: ${(error as Error).message}`,
    )
  }
}

const REASON_V5 = Buffer.from('MQTT 5 is not served yet, connect with 3.1.1')
/** MQTT 5 is refused in its own format: CONNACK, reason code 0x84, no properties or the reason as a string. MQTT 5 §3.2.2 */
const CONNACK_V5 = Buffer.from([0x20, 0x03, 0x00, 0x84, 0x00])
const CONNACK_V5_WITH_REASON = Buffer.from([
  ...[0x20, 6 + REASON_V5.length, 0x00, 0x84],
  ...[3 + REASON_V5.length, 0x1f, 0x00, REASON_V5.length],
  ...REASON_V5,
])

/** Calls `done` when the answer has left. */
export function refuseProtocol5(client: Client, { properties }: ConnectPacket, done: () => void): void {
  // The reason string is left out where the client takes no packet that long. [MQTT-3.2.2-19] of MQTT 5
  const fits = CONNACK_V5_WITH_REASON.length <= (properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY)
  client.conn.write(fits ? CONNACK_V5_WITH_REASON : CONNACK_V5, () => done())
}
