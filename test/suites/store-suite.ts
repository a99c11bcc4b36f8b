import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { type Database, DatabaseError, migrate } from '../../bridge/index.ts'
import { saveCheckpoints } from '../../bridge/store/checkpoints.ts'
import { bigintColumn, doubleColumn, integerColumn, textColumn } from '../../bridge/store/columns.ts'
import { insertDecisions } from '../../bridge/store/decisions.ts'
import { learntOffsets, loadDeviceClocks, saveDeviceClocks } from '../../bridge/store/device-clocks.ts'
import { insertFixes } from '../../bridge/store/fixes.ts'
import { createPartition, DAY_MS, dayOf, openDayPartitions } from '../../bridge/store/partitions.ts'
import { listDecisions } from '../../bridge/store/queries/decisions.ts'
import { claimCleanUp, cleanUp } from '../../bridge/store/retention.ts'
import { isDataFault } from '../../bridge/store/sqlstate.ts'
import type { Decision } from '../../geofence-engine/index.ts'
import { onDatabase } from '../support/database-suite.ts'
import type { TestScope } from '../support/scope.ts'

const DECISION: Decision = {
  timestamp: 0,
  subject: 'square',
  kind: 'fence',
  outcome: 'suppressed',
  event: 'enter',
  reason: 'unconfirmed',
  text: 'one fix of two',
  before: 'outside',
  after: 'outside',
}

/** What every database has to do alike. */
export function storeSuite(name: string, openDatabase: (t: TestScope) => Promise<Database | undefined>): void {
  describe(`the store on ${name}`, () => {
    let db: Database
    const { it } = onDatabase(name, openDatabase, {
      orgs: 'store',
      use: opened => {
        db = opened
      },
    })

    const partitionsOf = async (org: string): Promise<string[]> =>
      (
        await db.query<{ name: string }>(
          'select distinct tableoid::regclass::text as name from fixes where org = $1 order by 1',
          [org],
        )
      ).map(row => row.name)
    const store = (org: string, ...timesMs: number[]): Promise<number[]> =>
      insertFixes(
        db,
        timesMs.map(timestamp => ({
          org,
          deviceId: 'truck',
          receivedAt: timestamp,
          fix: { timestamp, location: { lat: 1, lng: 2 } },
        })),
      )

    it('states and reasons go with the fixes they came of, but the last state before stays', async () => {
      const nowMs = Date.UTC(2026, 4, 20)
      const cut = nowMs - 5 * DAY_MS
      const device = { org: 'derived', deviceId: 'truck' }
      const times = [cut - 2 * DAY_MS, cut - DAY_MS, cut - 1, cut, cut + DAY_MS]
      await saveCheckpoints(
        db,
        times.map(time => ({ ...device, time, engine: {} })),
      )
      await insertDecisions(
        db,
        times.map(timestamp => ({ ...device, causeTime: timestamp, decision: { ...DECISION, timestamp } })),
      )
      await cleanUp(db, await openDayPartitions(db, 5), { rawDays: 5, nowMs })
      const kept = await db.query<{ t: number }>(
        'select fix_time as t from device_checkpoints where org = $1 order by 1',
        [device.org],
      )
      assert.deepEqual(
        kept.map(({ t }) => t),
        [cut - 1, cut, cut + DAY_MS],
      )
      const decisions = await listDecisions(db, device.org, device.deviceId, { limit: 10 })
      assert.deepEqual(
        decisions.map(({ body }) => body.timestamp),
        [cut, cut + DAY_MS],
      )
    })

    it('keeps what a group of fixes taught of clocks, in its order, each offset once', async (_, org) => {
      const taught = (deviceId: string, offsetSeconds: number, count: number) => ({
        ...{ org, deviceId, offsetSeconds, count },
        ...{ kind: offsetSeconds === 0 ? ('right' as const) : ('lagging' as const), since: 1_000 },
      })
      const mine = async () =>
        (await loadDeviceClocks(db))
          .filter(clock => clock.org === org)
          .map(({ deviceId, offsetSeconds, count }) => [deviceId, offsetSeconds, count])
      await saveDeviceClocks(
        db,
        [
          taught('a', -3_600, 16),
          taught('b', -7_200, 10),
          taught('a', -3_600, 32),
          taught('b', 0, 5),
          taught('c', 0, 5),
        ],
        5_000,
      )
      assert.deepEqual(await mine(), [
        ['a', -3_600, 32],
        ['b', 0, 5],
        ['c', 0, 5],
      ])
      await saveDeviceClocks(db, [taught('b', -7_200, 10), taught('c', 0, 8), taught('b', -7_200, 8)], 6_000)
      assert.deepEqual(await mine(), [
        ['a', -3_600, 32],
        ['b', -7_200, 10],
        ['c', 0, 8],
      ])
      assert.equal((await learntOffsets(db, org, ['a', 'b', 'c'])).length, 4)
    })

    it('takes whole columns as they are', async () => {
      const texts = ['plain', '', null, 'a,b', '"\\\\{}', 'NULL', 'Zürich 🚲', '\ud800']
      const bigints = [0, 1, -1, null, 2 ** 32, -(2 ** 32) - 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]
      const integers = [0, 1, -1, null, 2 ** 31 - 1, -(2 ** 31), 65_536, 7]
      const doubles = [0, -0.5, 1e-300, null, Number.MAX_VALUE, 41.1496, Number.NEGATIVE_INFINITY, 1 / 3]
      const columns = [
        textColumn(texts, it => it),
        bigintColumn(bigints, it => it),
        integerColumn(integers, it => it),
        doubleColumn(doubles, it => it),
      ]
      const types =
        '$1::text[] as texts, to_jsonb($2::bigint[]) as bigints, $3::int[] as integers, $4::float8[] as doubles'
      const [row] = await db.query(`select ${types}`, columns)
      const known = texts.map(text => (text === '\ud800' ? '\ufffd' : text))
      assert.deepEqual(row, { texts: known, bigints, integers, doubles })
      const none = [
        textColumn([], it => it),
        bigintColumn([], it => it),
        integerColumn([], it => it),
        doubleColumn([], it => it),
      ]
      assert.deepEqual(
        await db.query('select * from unnest($1::text[], $2::bigint[], $3::int[], $4::float8[])', none),
        [],
      )
    })

    it('takes a column that is larger than all before it, and small ones after', async () => {
      const texts = ['a'.repeat(100_000), '€'.repeat(2_000_000), null, 'z']
      for (const column of [texts, ['small', null], texts.toReversed()]) {
        const [row] = await db.query('select $1::text[] as texts', [textColumn(column, it => it)])
        assert.deepEqual(row, { texts: column })
      }
    })

    it('refuses in a column what its type cannot hold, as a fault of the data', async () => {
      for (const column of [
        () => bigintColumn([2 ** 53], it => it),
        () => bigintColumn([0.5], it => it),
        () => integerColumn([2 ** 31], it => it),
        () => integerColumn([Number.NaN], it => it),
      ]) {
        assert.throws(column, error => error instanceof DatabaseError && isDataFault(error.code))
      }
      await assert.rejects(db.query('select $1::text[]', [textColumn(['\0'], it => it)]), ({ code }) =>
        isDataFault(code),
      )
    })

    it('gives numbers, JSON and arrays as JavaScript has them', async () => {
      const [row] = await db.query(
        `select $1::bigint as big, $2::jsonb as json, $3::text[] as texts, $4::float8 as float, $5::boolean as yes, null as nothing,
           array[1, null]::bigint[] as bigs, count(*) as n from (values (1), (2)) as t(x)`,
        [8_640_000_000_000_000, JSON.stringify({ a: ['"\\{}'] }), ['a,b', '"', '', 'null'], 1e-7, true],
      )
      assert.deepEqual(row, {
        big: 8_640_000_000_000_000,
        json: { a: ['"\\{}'] },
        texts: ['a,b', '"', '', 'null'],
        float: 1e-7,
        yes: true,
        nothing: null,
        bigs: row!.bigs,
        n: 2,
      })
    })

    for (const [sentence, code, sql, params] of [
      ['a division by zero', '22012', 'select $1::int / 0', [1]],
      ['a syntax error', '42601', 'selct 1', []],
      ['a missing table', '42P01', 'select * from nowhere', []],
      ['a NUL in JSON', '22P05', 'select $1::text::jsonb', ['{"a":"\\u0000"}']],
      ['a repeated key', '23505', "insert into duties values ('twice', 1), ('twice', 1)", []],
    ] as const) {
      it(`${sentence} is SQLSTATE ${code}, and the next statement works`, async () => {
        await assert.rejects(db.query(sql, params), error => error instanceof DatabaseError && error.code === code)
        assert.deepEqual(await db.query('select $1::int as one', [1]), [{ one: 1 }])
      })
    }

    it('a transaction that fails leaves nothing behind', async () => {
      const failing = db.transaction(async tx => {
        await tx.query("insert into duties values ('failed', 1)")
        throw new Error('changed my mind')
      })
      await assert.rejects(failing, /changed my mind/)
      assert.deepEqual(await db.query("select * from duties where duty = 'failed'"), [])
    })

    it('a transaction that swallows the error of a statement does not pass for committed', async () => {
      const swallowing = db.transaction(async tx => {
        await tx.query("insert into duties values ('swallowed', 1)")
        await tx.query('select 1 / 0').catch(() => {})
      })
      await assert.rejects(swallowing, { code: '22012' })
      assert.deepEqual(await db.query("select * from duties where duty = 'swallowed'"), [])
    })

    it('a statement that was asked before gives what its table has now', async (_, org) => {
      const table = `"now-${org}"`
      await db.exec(`create table ${table} (a int); insert into ${table} values (1)`)
      const rows = () => db.query(`select * from ${table} where a >= $1`, [1])
      assert.deepEqual([await rows(), await rows()], [[{ a: 1 }], [{ a: 1 }]])
      await db.exec(`alter table ${table} add column b text default 'x'`)
      assert.deepEqual(await rows(), [{ a: 1, b: 'x' }])
      await db.query(`alter table ${table} rename column b to c`)
      assert.deepEqual(await rows(), [{ a: 1, c: 'x' }])
      await db.exec(`drop table ${table}`)
      await assert.rejects(rows(), { code: '42P01' })
    })

    it('a transaction without a statement, or whose first statement fails, is one all the same', async () => {
      assert.equal(await db.transaction(async () => 7), 7)
      await assert.rejects(
        db.transaction(tx => tx.query('select 1 / $1::int', [0])),
        { code: '22012' },
      )
      assert.deepEqual(await db.query('select $1::int as one', [1]), [{ one: 1 }])
      await db.transaction(async tx => {
        // Slept through before the clocks are compared: the embedded database's counts whole milliseconds.
        await tx.query('select pg_sleep(0.02)')
        const [row] = await tx.query<{ milliseconds: number }>(
          'select extract(milliseconds from clock_timestamp() - now())::float8 as milliseconds',
        )
        assert.ok(row!.milliseconds >= 10, `begun ${row!.milliseconds} ms ago`)
        const again = () => tx.query<{ at: string }>('select now()::text as at', [])
        assert.deepEqual(await again(), await again(), 'the time stands still within one')
      })
    })

    it('nobody sees a transaction before its commit, and many run side by side', async () => {
      await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          i % 2
            ? db.query("select count(*)::int as n from duties where duty like 'many-%'").then(([row]) => {
                assert.equal((row!.n as number) % 2, 0)
              })
            : db.transaction(async tx => {
                await tx.query('insert into duties values ($1, 1)', [`many-${i}-a`])
                await tx.query('insert into duties values ($1, 1)', [`many-${i}-b`])
              }),
        ),
      )
      const [row] = await db.query("select count(*)::int as n from duties where duty like 'many-%'")
      assert.equal(row!.n, 20)
    })

    it('migrating twice at once, or again, does nothing more', async () => {
      assert.deepEqual(await Promise.all([migrate(db), migrate(db)]), [[], []])
    })

    it('refuses a database that a newer version has migrated', async () => {
      await db.query("insert into migrations values ('9999-from-the-future.sql', 1)")
      await assert.rejects(migrate(db), /start a newer Trackwire/)
      await db.query("delete from migrations where name like '9999%'")
    })

    it('tells which fixes were there already', async () => {
      const nowMs = Date.now()
      assert.deepEqual(await store('repeats', nowMs - 2, nowMs), [])
      assert.deepEqual(await store('repeats', nowMs - 2, nowMs - 1, nowMs), [0, 2])
    })

    it('days within the retention and tomorrow get a partition of their own, others share the default', async () => {
      const nowMs = Date.UTC(2026, 4, 15, 12)
      const partitions = await openDayPartitions(db, 30)
      const times = [nowMs, nowMs + DAY_MS, nowMs - 30 * DAY_MS, nowMs - 31 * DAY_MS, nowMs + 2 * DAY_MS, 0]
      await partitions.ensure(times, nowMs)
      await store('days', ...times)
      assert.deepEqual(await partitionsOf('days'), [
        'fixes_20260415',
        'fixes_20260515',
        'fixes_20260516',
        'fixes_default',
      ])
      assert.deepEqual((await openDayPartitions(db, 30)).days(), partitions.days(), 'they are found again')
    })

    it('a day whose fixes are in the default partition stays there', async () => {
      const nowMs = Date.UTC(2026, 6, 1, 12)
      await store('stays', nowMs - 1)
      const partitions = await openDayPartitions(db, 30)
      await partitions.ensure([nowMs], nowMs)
      await partitions.ensure([nowMs], nowMs)
      await store('stays', nowMs)
      assert.deepEqual(await partitionsOf('stays'), ['fixes_default'])
      await assert.rejects(createPartition(db, dayOf(nowMs)), { code: '23514' })
    })

    it('the clean-up drops whole days and clears the default partition, and runs once a day', async () => {
      const nowMs = Date.UTC(2025, 1, 20, 12)
      const partitions = await openDayPartitions(db, 10)
      const kept = [nowMs, nowMs - 10 * DAY_MS]
      const old = [nowMs - 11 * DAY_MS, nowMs - 100 * DAY_MS]
      await createPartition(db, dayOf(old[0]!))
      await partitions.ensure(kept, nowMs)
      await store('clean-up', ...kept, ...old)
      const again = await openDayPartitions(db, 10)
      assert.deepEqual(await cleanUp(db, again, { rawDays: 0, nowMs }), { days: 0, rows: 0 }, '0 keeps everything')
      const removed = await cleanUp(db, again, { rawDays: 10, nowMs })
      assert.equal(removed.days, 1)
      const left = await db.query<{ t: number }>(
        "select fix_time as t from fixes where org = 'clean-up' order by 1 desc",
      )
      assert.deepEqual(
        left.map(({ t }) => t),
        kept,
      )
      const lastRuns = () => db.query("select ran_at from duties where duty = 'retention'")
      assert.deepEqual(await lastRuns(), [])
      assert.equal(await claimCleanUp(db, nowMs), true)
      assert.equal(await claimCleanUp(db, nowMs + DAY_MS - 1), false)
      assert.equal(await claimCleanUp(db, nowMs + DAY_MS), true)
      assert.deepEqual(await lastRuns(), [{ ran_at: nowMs + DAY_MS }])
    })
  })
}
