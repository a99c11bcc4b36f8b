import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Registry } from 'prom-client'
import { type Database, type FixResult, startIngest } from '../../../../bridge/index.ts'
import { learntOffsets } from '../../../../bridge/store/device-clocks.ts'
import { buildTopic, type ErrorNotice, type LocationUpdate } from '../../../../contract/index.ts'
import { silent, withPglite } from '../../../support/databases.ts'
import { Recorder } from '../../../support/ingest.ts'
import { openScope, type TestScope } from '../../../support/scope.ts'
import {
  readRealAnomalies,
  readTrickyUploads,
  sentFix,
  type TrickyCase,
  type TrickyFix,
} from '../../../support/tricky-uploads.ts'

const data = process.env.TRACKWIRE_TEST_DATA
const skip = data === undefined && 'TRACKWIRE_TEST_DATA does not say where the real uploads are'

/** Every device whose clock is wrong; of the rest one of each city. */
const ABOUT_CLOCKS = new Set(['week-rollover', 'week-rollover-future', 'clock-offset-hours'])
const ONE_OF_EACH = new Set(['chi-086', 'porto-20000688', 'hel-3'])

describe('tricky uploads through the ingest, by the clock of their arrival', { skip }, async () => {
  const cases = (data === undefined ? [] : readTrickyUploads(data)).filter(
    ({ case: name, device }) => ABOUT_CLOCKS.has(name) || ONE_OF_EACH.has(device),
  )
  const scope = openScope()
  let db: Database
  before(async () => {
    db = await withPglite(scope)
  })
  after(() => scope.release())

  for (const tricky of cases) {
    test(`${tricky.case} of ${tricky.device}`, async t => {
      const played = await play(t as unknown as TestScope, db, tricky)
      const { org, ingest, results } = played
      const { device } = tricky
      const fixes = tricky.uploads.flatMap(upload => upload.fixes)
      for (const [i, { label }] of fixes.entries())
        assert.equal(outcomeOf(results[i]!), EXPECTED[label], `fix ${i}, ${label}`)

      const kept = fixes.filter(({ label }) => label !== 'null-island' && label !== 'future')
      assert.deepEqual(await history(db, org), timesOf(kept), 'the history has every true time once')
      assert.equal(await newest(db, org), Math.max(...timesOf(kept)), 'nothing of the future is where the device is')

      const future = fixes.filter(({ label }) => label === 'future')
      const rows = await db.query<{ fix_time: number; state: string }>(
        'select fix_time, state from set_aside where org = $1 order by fix_time',
        [org],
      )
      assert.deepEqual(
        rows.map(({ fix_time }) => fix_time),
        future.map(({ t }) => t).sort((a, b) => a - b),
      )
      const learnt = (await learntOffsets(db, org, [device])).map(({ offsetSeconds }) => offsetSeconds)
      assert.deepEqual(
        learnt.sort(),
        future.length > 0 ? [0, 28_800] : [],
        'only a wrong clock is learnt, and that it is right again',
      )
      assert.deepEqual(
        played.notices(device).map(({ message }) => /8 h\) ahead/.test(message)),
        future.length > 0 ? [true, false].slice(0, played.notices(device).length) : [],
        'told once',
      )

      const clocks = await db.query<{ fix_time: number; received: number; repair: string }>(
        `select fix_time, (details -> 'clock' ->> 'received')::bigint as received, details -> 'clock' ->> 'repair' as repair
         from fixes where org = $1 and details ? 'clock' order by fix_time`,
        [org],
      )
      assert.deepEqual(
        clocks,
        fixes
          .filter(({ label }) => label === 'rollover')
          .map(({ t, true_t }) => ({ fix_time: true_t, received: t, repair: 'week-rollover' })),
      )

      if (future.length === 0) return
      // A person accepts the lot with what was learnt.
      const judgement = await ingest.acceptSetAside({ org, deviceId: device, visible: null, by: 'ann' }, {})
      assert.deepEqual([judgement.judged.length, judgement.refused, judgement.next], [future.length, [], null])
      assert.deepEqual(await history(db, org), timesOf(fixes), 'at their true times')
      assert.equal(await newest(db, org), Math.max(...timesOf(kept)))
    })
  }
})

test('of two positions with one time the first one stays, whatever the clock says', { skip }, async t => {
  const org = 'demo'
  const db = await withPglite(t as unknown as TestScope)
  const anomalies = data === undefined ? [] : readRealAnomalies(data)
  const wanted = anomalies.filter(
    ({ case: name }) => name === 'same-time-different-position' || name === 'duplicate-fix',
  )
  assert.ok(wanted.length > 0)
  const ingest = await startIngest({ db, logger: silent, registry: new Registry(), retentionRawDays: 0 })
  t.after(() => ingest.close())
  for (const [i, { rows, columns }] of wanted.entries()) {
    const [time, lat, lon] = ['timestamp_ms', 'lat', 'lon'].map(name => columns.indexOf(name)) as [
      number,
      number,
      number,
    ]
    const deviceId = `device-${i}`
    const first = new Map<number, number[]>()
    for (const row of rows) {
      const fix = { timestamp: row[time]!, location: { lat: row[lat]!, lng: row[lon]! } }
      await ingest.fixes({ org, deviceId, fixes: [fix], receivedAt: Date.now(), registers: true })
      if (!first.has(row[time]!)) first.set(row[time]!, [row[lat]!, row[lon]!])
    }
    const stored = await db.query<{ fix_time: number; lat: number; lng: number }>(
      'select fix_time, lat, lng from fixes where org = $1 and device_id = $2 order by fix_time',
      [org, deviceId],
    )
    assert.deepEqual(
      stored.map(({ fix_time, lat, lng }) => [fix_time, [lat, lng]]),
      [...first].sort(([a], [b]) => a - b),
    )
  }
})

const EXPECTED: Record<TrickyFix['label'], string> = {
  ok: 'stored',
  duplicate: 'repeated',
  'null-island': 'position_null_island',
  rollover: 'stored repaired',
  future: 'timestamp_future',
  spike: 'stored',
}

function outcomeOf(result: FixResult): string {
  if ('code' in result) return result.code
  return result.status === 'stored' && result.repaired !== undefined ? 'stored repaired' : result.status
}

function timesOf(fixes: readonly TrickyFix[]): number[] {
  return [...new Set(fixes.map(({ t, true_t }) => true_t ?? t))].sort((a, b) => a - b)
}

/** Sends the uploads in order, each when the clock says its arrival; a fix is judged by the clock of that moment. */
async function play(t: TestScope, db: Database, { case: name, device, uploads }: TrickyCase) {
  const org = `${name}-${device}`
  let clock = uploads[0]!.arrival_ms
  const ingest = await startIngest({
    db,
    logger: silent,
    registry: new Registry(),
    retentionRawDays: 30,
    now: () => clock,
  })
  t.after(() => ingest.close())
  const recorder = new Recorder()
  await ingest.announce(recorder.publish)
  const answers: Promise<FixResult[]>[] = []
  for (const { arrival_ms, fixes } of uploads) {
    clock = arrival_ms
    const sent: LocationUpdate[] = fixes.map(fix => sentFix(fix))
    answers.push(
      ingest.fixes({ org, deviceId: device, fixes: sent, receivedAt: clock, registers: true, forward: 'repaired' }),
    )
  }
  const results = (await Promise.all(answers)).flat()
  const notices = (deviceId: string): ErrorNotice[] =>
    recorder.payloads<ErrorNotice>(buildTopic('errors', { org, userId: deviceId })).map(notice => notice!)
  return { org, ingest, recorder, results, notices }
}

async function history(db: Database, org: string): Promise<number[]> {
  const rows = await db.query<{ t: number }>('select fix_time as t from fixes where org = $1 order by 1', [org])
  return rows.map(row => row.t)
}

async function newest(db: Database, org: string): Promise<number> {
  const [row] = await db.query<{ t: number }>('select newest_time as t from device_state where org = $1', [org])
  return row!.t
}
