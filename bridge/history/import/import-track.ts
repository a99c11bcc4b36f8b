import { checkFix, type LocationUpdate, MAX_BATCH, TrackwireError } from '../../../contract/index.ts'
import type { Ingest } from '../../ingest/ingest.ts'
import { type Act, recordAudit } from '../../store/audit.ts'
import type { Database } from '../../store/database.ts'
import { knownTimes } from '../../store/queries/history.ts'
import { readerOfKind, type TrackKind, trackKindOf } from './track-kind.ts'
import { type Found, TrackFileFault } from './track-reader.ts'

export interface ImportCall {
  readonly db: Database
  readonly ingest: Pick<Ingest, 'fixes'>
  readonly org: string
  readonly deviceId: string
  /** The file; read twice, so that one which cannot be read to its end changes nothing. */
  readonly open: () => AsyncIterable<Buffer>
  readonly mediaType?: string | undefined
  /** Only say what it would do. */
  readonly dryRun: boolean
  readonly now: () => number
  /** For the audit log, which also gets the counts. */
  readonly act: Act
  readonly onProgress?: ((done: number, of: number) => void) | undefined
}

export interface ImportError {
  /** Of the file, from 1; of GeoJSON the feature. */
  readonly line: number
  readonly code: string
  readonly message: string
}

export interface ImportAnswer {
  readonly dryRun: boolean
  readonly format: TrackKind
  /** New in the history. */
  readonly imported: number
  /** There already. */
  readonly repeated: number
  /** Of the imported, those whose time was repaired like that of any late fix. */
  readonly repaired: number
  /** Not taken; those of `timestamp_future` are set aside. */
  readonly refused: number
  /** The first of the refused. */
  readonly errors: readonly ImportError[]
}

export const MAX_ERRORS_TOLD = 100
const BEGINNING_BYTES = 4_096

/**
 * Takes the fixes of a file into the history of a device, as if they had come late. Errors of single places cost those alone.
 * @throws TrackwireError import_invalid (the file cannot be read, or nothing of it can be used), media_type_unsupported, device_unknown
 */
export async function importTrack(call: ImportCall): Promise<ImportAnswer> {
  const format = await kindOf(call)
  const total = await checkFile(call, format)
  const tally = { imported: 0, repeated: 0, repaired: 0, refused: 0, errors: [] as ImportError[] }
  const refuse = (line: number, code: string, message: string) => {
    tally.refused += 1
    if (tally.errors.length < MAX_ERRORS_TOLD) tally.errors.push({ line, code, message: `line ${line}: ${message}` })
  }
  const take = call.dryRun ? tryBatch : storeBatch
  let done = 0
  let batch: { line: number; fix: LocationUpdate }[] = []
  const flush = async () => {
    if (batch.length > 0) await take(call, batch, tally, refuse)
    done += batch.length
    batch = []
    call.onProgress?.(done, total)
  }
  try {
    for await (const found of readFile(call.open(), format)) {
      for (const item of found) {
        if ('error' in item) refuse(item.line, 'import_invalid', item.error)
        else batch.push(item)
        if (batch.length === MAX_BATCH) await flush()
      }
    }
    await flush()
  } finally {
    if (!call.dryRun) await writeAudit(call, format, tally)
  }
  return { dryRun: call.dryRun, format, ...tally }
}

type Tally = { imported: number; repeated: number; repaired: number; refused: number }
type Batch = readonly { readonly line: number; readonly fix: LocationUpdate }[]
type Refuse = (line: number, code: string, message: string) => void

async function storeBatch(call: ImportCall, batch: Batch, tally: Tally, refuse: Refuse): Promise<void> {
  const { org, deviceId, ingest, now } = call
  const fixes = batch.map(({ fix }) => fix)
  // Whoever cried for help then is not in distress now.
  const results = await ingest.fixes({ org, deviceId, fixes, receivedAt: now(), registers: false, sosTold: true })
  for (const [i, result] of results.entries()) {
    if (result.status === 'stored') {
      tally.imported += 1
      if (result.repaired !== undefined) tally.repaired += 1
    } else if (result.status === 'repeated') tally.repeated += 1
    else if ('code' in result) refuse(batch[i]!.line, result.code, result.message)
  }
}

async function tryBatch(call: ImportCall, batch: Batch, tally: Tally, refuse: Refuse): Promise<void> {
  const { db, org, deviceId, now } = call
  const known = await knownTimes(
    db,
    org,
    deviceId,
    batch.map(({ fix }) => fix.timestamp),
  )
  for (const { line, fix } of batch) {
    try {
      checkFix(fix, deviceId, now())
      if (known.has(fix.timestamp)) tally.repeated += 1
      else tally.imported += 1
      known.add(fix.timestamp)
    } catch (error) {
      if (!(error instanceof TrackwireError)) throw error
      refuse(line, error.code, error.message)
    }
  }
}

async function writeAudit({ db, act, now }: ImportCall, format: TrackKind, tally: Tally): Promise<void> {
  const { imported, repeated, refused } = tally
  await recordAudit(db, { ...act, detail: { format, imported, repeated, refused } }, now())
}

async function kindOf({ open, mediaType }: ImportCall): Promise<TrackKind> {
  let beginning = Buffer.alloc(0)
  for await (const chunk of open()) {
    beginning = Buffer.concat([beginning, chunk])
    if (beginning.length >= BEGINNING_BYTES) break
  }
  const kind = trackKindOf(mediaType, beginning.toString('utf8'))
  if (kind !== null) return kind
  throw new TrackwireError('media_type_unsupported', 'this is neither GPX, KML, CSV, NMEA nor GeoJSON')
}

/** How many usable fixes there are. Errors: import_invalid. */
async function checkFile({ open }: ImportCall, format: TrackKind): Promise<number> {
  let usable = 0
  const errors: { line: number; message: string }[] = []
  let errorCount = 0
  const refusal = (message: string) =>
    new TrackwireError('import_invalid', message, { details: { errors, errorCount, format } })
  try {
    for await (const found of readFile(open(), format)) {
      for (const item of found) {
        if ('fix' in item) usable += 1
        else {
          errorCount += 1
          if (errors.length < MAX_ERRORS_TOLD)
            errors.push({ line: item.line, message: `line ${item.line}: ${item.error}` })
        }
      }
    }
  } catch (error) {
    if (!(error instanceof TrackFileFault)) throw error
    errorCount += 1
    errors.unshift({ line: error.line, message: `line ${error.line}: ${error.message}` })
    throw refusal(`the ${format} file cannot be read: line ${error.line}: ${error.message}`)
  }
  if (usable === 0) {
    const first = errors[0]?.message ?? 'it is empty'
    throw refusal(`nothing in the ${format} file is a fix; ${first}`)
  }
  return usable
}

async function* readFile(chunks: AsyncIterable<Buffer>, kind: TrackKind): AsyncGenerator<Found[]> {
  const reader = readerOfKind(kind)
  // Names may be in any encoding; what is read of a file is ASCII.
  const decoder = new TextDecoder()
  for await (const chunk of chunks) yield reader.push(decoder.decode(chunk, { stream: true }))
  yield [...reader.push(decoder.decode()), ...reader.end()]
}
