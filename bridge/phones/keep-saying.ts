import { type OwnTracksContent, TrackwireError } from '../../contract/index.ts'
import type { Ingest } from '../ingest/ingest.ts'

/** What a phone with OwnTracks says of itself beside where it is. */
export interface Saying {
  readonly org: string
  readonly deviceId: string
  readonly content: OwnTracksContent
  /** The sender is the device itself: it is registered on first use. */
  readonly registers: boolean
}

export interface UnkeptPart {
  readonly code: 'payload_invalid' | 'fence_invalid' | 'conflict'
  readonly message: string
  readonly index?: number
}

/** Keeps a card, or makes fences of places. @returns what could not be kept @throws TrackwireError device_unknown */
export async function keepSaying(
  ingest: Pick<Ingest, 'isAdmitted' | 'deviceExists' | 'registerDevice' | 'putCard' | 'putWaypoint'>,
  saying: Saying,
): Promise<UnkeptPart[]> {
  const { org, deviceId, content } = saying
  const device = { org, deviceId }
  if (!ingest.isAdmitted(saying)) throw new TrackwireError('device_unknown', `no device ${deviceId} is registered`)
  if (!ingest.deviceExists(org, deviceId)) await ingest.registerDevice(device)
  if (content.kind === 'card') {
    await ingest.putCard(device, content.card)
    return []
  }
  const unkept: UnkeptPart[] = content.unread.map(part => ({ code: 'payload_invalid', ...part }))
  for (const waypoint of content.waypoints) {
    const fault = await putWaypoint(ingest, device, waypoint)
    if (fault !== null) unkept.push(fault)
  }
  return unkept
}

async function putWaypoint(
  ingest: Pick<Ingest, 'putWaypoint'>,
  device: { org: string; deviceId: string },
  waypoint: Parameters<Ingest['putWaypoint']>[1],
): Promise<UnkeptPart | null> {
  try {
    const outcome = await ingest.putWaypoint(device, waypoint)
    if (outcome === 'foreign')
      return { code: 'conflict', message: `${waypoint.name}: its fence was changed by somebody else, and stays so` }
    if (outcome === 'full')
      return { code: 'payload_invalid', message: `${waypoint.name}: the phone has as many fences as it may` }
    return null
  } catch (error) {
    if (!(error instanceof TrackwireError) || error.code !== 'fence_invalid') throw error
    return { code: 'fence_invalid', message: `${waypoint.name}: ${error.message}` }
  }
}
