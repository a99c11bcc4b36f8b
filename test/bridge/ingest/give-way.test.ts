import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Committer } from '../../../bridge/ingest/committer.ts'
import { transactionGivingWay } from '../../../bridge/ingest/give-way.ts'
import type { Pipeline } from '../../../bridge/ingest/pipeline.ts'
import { silent, withPglite } from '../../support/databases.ts'

const STATEMENTS = 10
const NOTHING = { length: 0, awaited: 0, isQuiet: true, add: () => {}, take: () => [], press: () => {} }

for (const [name, calls, runs] of [
  ['steps back once for one SOS, and is done in full afterwards', 1, 2],
  ['is done in the end, though one SOS follows the other', 99, 3],
] as const) {
  test(`a long transaction ${name}`, async t => {
    const db = await withPglite(t)
    const committer = new Committer<never>(async () => {}, { logger: silent, hasSessions: false, waiting: NOTHING })
    t.after(() => committer.close())
    const pipeline = { db, committer: () => committer } as unknown as Pipeline
    const count = async () => (await db.query<{ n: number }>('select count(*)::int as n from duties'))[0]!.n
    const seen: Promise<number>[] = []
    let run = 0
    await committer.change(() =>
      transactionGivingWay(pipeline, async tx => {
        run += 1
        for (let i = 0; i < STATEMENTS; i++) {
          await tx.query('insert into duties values ($1, $2)', [`duty-${i}`, i])
          if (i === 4 && run <= calls) seen.push(committer.urgent(count))
        }
      }),
    )
    assert.equal(run, runs)
    assert.equal(await count(), STATEMENTS)
    const [first] = await Promise.all(seen)
    assert.equal(first, 0, 'the SOS was served before the transaction, of which nothing was left')
  })
}
