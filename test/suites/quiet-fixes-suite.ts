import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Database, FixResult } from '../../bridge/index.ts'
import { QUIET_GROUP } from '../../bridge/ingest/backlog.ts'
import { buildTopic, type LocationUpdate } from '../../contract/index.ts'
import { onDatabase } from '../support/database-suite.ts'
import { eventually } from '../support/eventually.ts'
import { FENCE, fixAt, INSIDE, OUTSIDE, START, sent, type TestIngest, withIngest } from '../support/ingest.ts'
import type { TestScope } from '../support/scope.ts'

/** Longer than fixes wait for company, and less than quiet ones do: what is sent after it goes with quiet ones alone. */
const A_WHILE_MS = 50
/** So many quiet ones do not wait for more. */
const ENOUGH = QUIET_GROUP

/** Which fixes of QoS 0 are stored together, whatever database is below: those of one transaction. */
export function quietFixesSuite(name: string, openDatabase: (t: TestScope) => Promise<Database | undefined>): void {
  describe(`fixes that nobody waits for, on ${name}`, async () => {
    let db: Database
    const { it } = onDatabase(name, openDatabase, {
      orgs: 'org',
      use: opened => {
        db = opened
      },
    })

    /** Waited for; the group that it is in has ended, too. */
    async function store(running: TestIngest, fix: LocationUpdate): Promise<void> {
      assert.deepEqual(await running.send('truck', fix), [{ status: 'stored' }])
      await delay(A_WHILE_MS)
    }

    /** A device that is known, outside of the one fence. */
    async function withTruck(t: TestScope, org: string): Promise<TestIngest> {
      const running = await withIngest(t, db, org)
      await running.ingest.putFence(org, FENCE)
      await store(running, fixAt(0, OUTSIDE))
      return running
    }

    const send = ({ ingest }: TestIngest, org: string, fix: LocationUpdate) =>
      assert.equal(ingest.unawaited(sent(org, fix)), 'forward')

    /** The seconds of the fixes of each transaction, once there are so many fixes; the first one, of `withTruck`, left out. */
    async function groups(org: string, fixes: number): Promise<number[][]> {
      const byTransaction = new Map<string, number[]>()
      await eventually('the fixes are stored', async () => {
        byTransaction.clear()
        const rows = await db.query<{ tx: string; time: number }>(
          'select xmin::text as tx, fix_time as time from fixes where org = $1 and fix_time > $2 order by fix_time',
          [org, START],
        )
        for (const { tx, time } of rows) {
          byTransaction.set(tx, [...(byTransaction.get(tx) ?? []), (time - START) / 1_000])
        }
        return rows.length === fixes
      })
      return [...byTransaction.values()]
    }

    it('wait for each other where nothing comes of them', async (t, org) => {
      const running = await withTruck(t, org)
      for (const second of [1, 2, 3]) {
        send(running, org, fixAt(second, OUTSIDE))
        await delay(A_WHILE_MS)
      }
      assert.deepEqual(await groups(org, 3), [[1, 2, 3]])
    })

    it('do not wait with one that crosses a fence', async (t, org) => {
      const running = await withTruck(t, org)
      send(running, org, fixAt(1, OUTSIDE))
      await delay(A_WHILE_MS)
      send(running, org, fixAt(2, INSIDE))
      await delay(A_WHILE_MS)
      send(running, org, fixAt(3, INSIDE))
      assert.deepEqual(await groups(org, 3), [[1, 2], [3]])
      await running.recorder.until(({ topic }) => topic.includes('/enter/'))
    })

    it('are judged by those before them that wait', async (t, org) => {
      const running = await withTruck(t, org)
      await store(running, fixAt(1, INSIDE))
      send(running, org, fixAt(2, INSIDE))
      await delay(A_WHILE_MS)
      send(running, org, fixAt(3, OUTSIDE))
      await delay(A_WHILE_MS)
      send(running, org, fixAt(4, OUTSIDE))
      assert.deepEqual(await groups(org, 4), [[1], [2, 3], [4]])
    })

    it('are judged by what was stored since, once those before them are', async (t, org) => {
      const running = await withTruck(t, org)
      send(running, org, fixAt(1, OUTSIDE))
      await delay(A_WHILE_MS)
      await store(running, fixAt(2, INSIDE))
      for (const second of [3, 4]) {
        send(running, org, fixAt(second, INSIDE))
        await delay(A_WHILE_MS)
      }
      assert.deepEqual(await groups(org, 4), [
        [1, 2],
        [3, 4],
      ])
    })

    it('do not wait with one that is older than they are', async (t, org) => {
      const running = await withTruck(t, org)
      for (const second of [5, 3, 6]) {
        send(running, org, fixAt(second, OUTSIDE))
        await delay(A_WHILE_MS)
      }
      assert.deepEqual(await groups(org, 3), [[3, 5], [6]])
    })

    it('do not wait with one that somebody waits for', async (t, org) => {
      const running = await withTruck(t, org)
      send(running, org, fixAt(1, OUTSIDE))
      await delay(A_WHILE_MS)
      const answer = new Promise<FixResult | Error>(resolve =>
        running.ingest.awaited(sent(org, fixAt(2, OUTSIDE), resolve)),
      )
      await delay(A_WHILE_MS)
      send(running, org, fixAt(3, OUTSIDE))
      assert.deepEqual(await answer, { status: 'stored' })
      assert.deepEqual(await groups(org, 3), [[1, 2], [3]])
    })

    it('do not wait when they are enough', async (t, org) => {
      const running = await withTruck(t, org)
      for (let second = 1; second <= ENOUGH; second += 1) send(running, org, fixAt(second, OUTSIDE))
      await delay(A_WHILE_MS)
      send(running, org, fixAt(ENOUGH + 1, OUTSIDE))
      const [first, second] = await groups(org, ENOUGH + 1)
      assert.deepEqual([first!.length, second], [ENOUGH, [ENOUGH + 1]])
    })

    /** Sends while another fix is being stored, which somebody waits for; resolves when that is done. */
    async function whileStoring(running: TestIngest, fix: LocationUpdate, send: () => void): Promise<void> {
      let release = (): void => {}
      const held = db.transaction(async tx => {
        await tx.exec('lock table fixes in share mode')
        await new Promise<void>(resolve => {
          release = resolve
        })
      })
      const stored = store(running, fix)
      await delay(A_WHILE_MS)
      send()
      release()
      await Promise.all([held, stored])
    }

    it('wait too where they came while others were being stored', async (t, org) => {
      const running = await withTruck(t, org)
      await whileStoring(running, fixAt(1, OUTSIDE), () => send(running, org, fixAt(2, OUTSIDE)))
      send(running, org, fixAt(3, OUTSIDE))
      assert.deepEqual(await groups(org, 3), [[1], [2, 3]])
    })

    it('do not wait with one that crosses a fence, and came while others were being stored', async (t, org) => {
      const running = await withTruck(t, org)
      await whileStoring(running, fixAt(1, OUTSIDE), () => {
        send(running, org, fixAt(2, OUTSIDE))
        send(running, org, fixAt(3, INSIDE))
      })
      send(running, org, fixAt(4, INSIDE))
      assert.deepEqual(await groups(org, 4), [[1], [2, 3], [4]])
    })

    /** The second fix goes alone where the first one did not wait; @returns the second of the first */
    const NEVER_QUIET: Record<string, (running: TestIngest, org: string) => Promise<number>> = {
      'that are late': async running => {
        await store(running, fixAt(100, OUTSIDE))
        return 50
      },
      'of a device with an open SOS': async ({ ingest }, org) => {
        const request = { action: 'trigger', id: 'cry', timestamp: Date.now() } as const
        const receivedAt = Date.now()
        await ingest.sos({ org, deviceId: 'truck', request, receivedAt, registers: true, principal: 'truck' })
        return 1
      },
      'of a device that is watched for coming near another': async ({ ingest }, org) => {
        await ingest.registerDevice({ org, deviceId: 'van' })
        await ingest.putProximityRule(org, 'near', { devices: ['truck', 'van'], nearMeters: 100 })
        return 1
      },
      'of a device that the clock will look at': async (running, org) => {
        const properties = { ...FENCE.properties, dwellSeconds: 3_600 }
        await running.ingest.putFence(org, { ...FENCE, properties })
        await store(running, fixAt(1, INSIDE))
        return 2
      },
    }
    for (const [what, prepare] of Object.entries(NEVER_QUIET)) {
      it(`do not wait: those ${what}`, async (t, org) => {
        const running = await withTruck(t, org)
        const second = await prepare(running, org)
        const before = await db.query('select 1 from fixes where org = $1 and fix_time > $2', [org, START])
        const where = second === 2 ? INSIDE : OUTSIDE
        send(running, org, fixAt(second, where))
        await delay(A_WHILE_MS)
        send(running, org, fixAt(second + 1, where))
        const stored = await groups(org, before.length + 2)
        assert.ok(
          stored.some(seconds => seconds.length === 1 && seconds[0] === second),
          JSON.stringify(stored),
        )
      })
    }

    it('are stored when the platform is stopped', async (t, org) => {
      const running = await withTruck(t, org)
      send(running, org, fixAt(1, OUTSIDE))
      await running.ingest.close()
      assert.deepEqual(await groups(org, 1), [[1]])
      const newest = running.recorder.payloads<LocationUpdate>(buildTopic('last', { org, deviceId: 'truck' })).at(-1)
      assert.equal(newest?.timestamp, fixAt(1, OUTSIDE).timestamp)
    })
  })
}
