import { randomUUID } from 'node:crypto'
import type { FenceFeature } from '../../contract/index.ts'
import type { Database } from '../store/database.ts'
import { attemptCommit } from './commit-fixes.ts'
import { isShuttingDown } from './committer.ts'
import { DeviceRegistry } from './device-registry.ts'
import { FenceCatalogue } from './fence-catalogue.ts'
import { type QueuedFix, queueBatch } from './fix-queue.ts'
import type { Pipeline } from './pipeline.ts'
import { StateCache } from './state-cache.ts'

/** So many fixes in each group: the first ones small, because they take ten times as long as later, and an SOS waits for one statement. */
const GROUPS = [50, 50, 50, 500, 500, 500] as const
/** No organisation has this name. */
const ORG = `warm-up-${randomUUID()}`
const PLACE = { lat: 0.5, lng: 0.5 }
/** Every tenth device is in it, which makes an event. */
const FENCE: FenceFeature = {
  type: 'Feature',
  id: 'warm-up',
  geometry: { type: 'Point', coordinates: [PLACE.lng, PLACE.lat] },
  properties: { name: 'warm-up', radius: 500 },
}

/** Ends the transaction of a rehearsal: nothing of it is stored. */
class Rehearsed extends Error {
  override readonly name = 'Rehearsed'
}

/**
 * Stores groups of fixes of devices that do not exist, and rolls them back, as long as there is nothing else to do. The embedded database
 * compiles and plans what a group needs when it is first used, for which the first fixes after a start would wait.
 * @param isIdle asked before each group
 */
export async function warmUp(pipeline: Pipeline, isIdle: () => boolean): Promise<void> {
  const { logger, now } = pipeline
  try {
    for (const devices of GROUPS) {
      if (!isIdle()) return
      await pipeline.committer().change(() => rehearse(pipeline, fixesOf(devices, now())))
    }
  } catch (error) {
    if (!isShuttingDown(error))
      logger.warn({ err: error }, 'the database could not be warmed up; the first fixes wait for it')
  }
}

async function rehearse(pipeline: Pipeline, fixes: readonly QueuedFix[]): Promise<void> {
  await attemptCommit(rehearsalOf(pipeline), fixes, false).catch(error => {
    if (!(error instanceof Rehearsed)) throw error
  })
}

/** The same database, which keeps nothing, and a memory of its own, in which every device is new. */
function rehearsalOf(pipeline: Pipeline): Pipeline {
  const { db } = pipeline
  const fences = new FenceCatalogue()
  fences.of(ORG).put(FENCE)
  const forgetful: Database = {
    kind: db.kind,
    isShared: db.isShared,
    query: (sql, params) => db.query(sql, params),
    exec: sql => db.exec(sql),
    transaction: work =>
      db.transaction(async tx => {
        await work(tx)
        throw new Rehearsed()
      }),
    close: () => db.close(),
  }
  return { ...pipeline, db: forgetful, fences, devices: new DeviceRegistry(), states: new StateCache() }
}

function fixesOf(devices: number, nowMs: number): QueuedFix[] {
  return Array.from({ length: devices }, (_, i) => {
    const location = { ...PLACE, lat: PLACE.lat + (i % 10) / 100, speed: 10, heading: 90, accuracy: 5 }
    const fixes = [{ timestamp: nowMs, location }]
    const batch = { org: ORG, deviceId: `warm-up-${i}`, receivedAt: nowMs, registers: true, forward: true, fixes }
    return queueBatch(batch, { nowMs, registers: true, clockOffsetMs: 0, onRefused: () => {} }).items
  }).flat()
}
