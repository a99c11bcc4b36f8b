import type { FastifyReply, FastifyRequest } from 'fastify'
import {
  type BucketOwner,
  bucketOwner,
  ERRORS,
  type ErrorCode,
  type LocationUpdate,
  TrackwireError,
} from '../../contract/index.ts'
import type { Ingest, SosCall } from '../ingest/ingest.ts'
import type { MessageOrigin } from '../ingest/unknown-devices.ts'
import type { Database } from '../store/database.ts'
import { organisationsOfDevice } from '../store/queries/identities.ts'
import { mayPublish, originOf } from './access.ts'
import { limitFix, type RequestLimits } from './limit-requests.ts'

export interface PhoneDeskOptions {
  readonly db: Database
  readonly ingest: Ingest
  readonly limits?: RequestLimits | undefined
  /** In whose inbox phones wait that nobody registered and that sent no token; `demo` when left out. */
  readonly platformOrg?: string | undefined
}

/** What a phone says of one moment. */
export interface PhoneMessage {
  /** The device that it names; null when it names none. */
  readonly identity: string | null
  /** Null without a valid position. */
  readonly fix: LocationUpdate | null
  readonly sos: SosCall['request'] | null
  /** As it came, for the inbox of devices that nobody knows. */
  readonly payload: unknown
}

/** What became of a message that was not taken. */
export interface RefusedMessage {
  readonly index: number
  readonly code: ErrorCode
  readonly message: string
}

export interface PhoneSender {
  readonly org: string
  readonly deviceId: string
  readonly registers: boolean
  readonly from: MessageOrigin
  readonly owner: BucketOwner
}

/**
 * Takes the messages of phones: whose they are, whether they may, SOS before all else, then the fixes. What can be sent again with
 * success (over the limit, storage away) is thrown; what never can is in the answer, by its place.
 */
export async function takeMessages(
  desk: PhoneDeskOptions,
  reply: FastifyReply,
  messages: readonly PhoneMessage[],
  protocol: string,
): Promise<RefusedMessage[]> {
  const byIdentity = new Map<string | null, number[]>()
  for (const [index, { identity }] of messages.entries()) {
    byIdentity.set(identity, [...(byIdentity.get(identity) ?? []), index])
  }
  const refused: RefusedMessage[] = []
  for (const [identity, indexes] of byIdentity) {
    const ofDevice = indexes.map(index => messages[index]!)
    try {
      for (const { index, ...refusal } of await takeOfDevice(desk, reply, identity, ofDevice, protocol)) {
        refused.push({ index: indexes[index]!, ...refusal })
      }
    } catch (error) {
      if (!(error instanceof TrackwireError) || ERRORS[error.code].retry) throw error
      refused.push(...indexes.map(index => ({ index, code: error.code, message: error.message })))
    }
  }
  return refused.sort((a, b) => a.index - b.index)
}

async function takeOfDevice(
  desk: PhoneDeskOptions,
  reply: FastifyReply,
  identity: string | null,
  messages: readonly PhoneMessage[],
  protocol: string,
): Promise<RefusedMessage[]> {
  const { ingest, limits } = desk
  const receivedAt = Date.now()
  const { request } = reply
  const placed = messages.flatMap(({ fix }, index) => (fix === null ? [] : [{ index, fix }]))
  const fixes = placed.map(({ fix }) => fix)
  const sender =
    request.principal === null ? await senderById(desk, identity, protocol, request) : senderByToken(request, identity)
  if (sender === null) {
    limitFix(limits, null, reply)
    ingest.unknownDevices.heard({
      org: desk.platformOrg ?? 'demo',
      deviceId: identity!,
      channel: protocol,
      payload: messages.at(-1)?.payload,
      fixes,
      from: { sub: protocol, role: 'device', address: request.ip },
      receivedAt,
    })
    throw new TrackwireError('device_unknown', `no device ${identity} is registered; it waits in the inbox`)
  }
  const { owner, ...device } = sender
  for (const { sos } of messages) {
    if (sos === null) continue
    if (request.principal !== null) mayPublish(request.principal, 'sos', { deviceId: device.deviceId })
    await ingest.sos({ ...device, request: sos, receivedAt, principal: device.from.sub })
  }
  limitFix(limits, owner, reply)
  if (fixes.length === 0) return []
  const results = await ingest.fixes({ ...device, fixes, receivedAt, forward: true, sosTold: true, mayRefuse: true })
  return results.flatMap((result, i) =>
    result.status === 'refused' ? [{ index: placed[i]!.index, code: result.code, message: result.message }] : [],
  )
}

/** The token of a device speaks for that device, whatever the app calls itself; others say which one they mean. */
export function senderByToken(request: FastifyRequest, identity: string | null): PhoneSender {
  const principal = request.principal!
  const isDevice = principal.role === 'device'
  const deviceId = isDevice ? principal.sub : identity
  if (deviceId === null) {
    throw new TrackwireError('payload_invalid', 'no device is named, and the token is not a device’s own', {
      details: { path: '/id' },
    })
  }
  mayPublish(principal, 'location', { deviceId })
  return {
    org: principal.org,
    deviceId,
    registers: isDevice,
    from: originOf(request),
    owner: bucketOwner(principal, deviceId),
  }
}

/** Like a tracker: the device whose id it is, when exactly one organisation has it. Null for one that nobody registered. */
async function senderById(
  { db }: PhoneDeskOptions,
  identity: string | null,
  protocol: string,
  request: FastifyRequest,
): Promise<PhoneSender | null> {
  if (identity === null) {
    throw new TrackwireError('payload_invalid', '/id is required: no device is named', { details: { path: '/id' } })
  }
  const orgs = await organisationsOfDevice(db, identity)
  if (orgs.length > 1) {
    request.log.warn(
      { identity },
      'two organisations have a device of this id: without a token it is taken for neither',
    )
  }
  if (orgs.length !== 1) return null
  const owner = { org: orgs[0]!, sub: identity }
  const from = { sub: protocol, role: 'device', address: request.ip }
  return { org: owner.org, deviceId: identity, registers: false, from, owner }
}
