import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { DatabaseError, migrate, openDatabase } from '../../../bridge/index.ts'
import { tidyEmbedded } from '../../../bridge/store/embedded-upkeep.ts'
import { storeSuite } from '../../suites/store-suite.ts'
import { silent, withPglite } from '../../support/databases.ts'
import { temporaryFolder } from '../../support/scope.ts'

storeSuite('PGlite', withPglite)

test('the embedded database keeps what was committed when it is closed and opened again', async t => {
  const dataDirectory = await temporaryFolder(t)
  const first = await openDatabase({ dataDirectory, logger: silent })
  await migrate(first)
  await first.query("insert into duties values ('kept', 7)")
  await tidyEmbedded(first)
  await first.close()
  await assert.rejects(first.query('select 1'), { code: 'connection' })
  const second = await openDatabase({ dataDirectory, logger: silent })
  t.after(() => second.close())
  assert.deepEqual(await migrate(second), [])
  assert.deepEqual(await second.query('select ran_at from duties'), [{ ran_at: 7 }])
})

test('a first start that was killed half way is begun anew', async t => {
  const dataDirectory = await temporaryFolder(t)
  const unfinished = join(dataDirectory, 'database.new')
  await mkdir(unfinished)
  await writeFile(join(unfinished, 'PG_VERSION'), '')
  const db = await openDatabase({ dataDirectory, logger: silent })
  t.after(() => db.close())
  assert.deepEqual(await db.query('select 1 as one'), [{ one: 1 }])
  assert.equal(existsSync(unfinished), false)
})

test('a crash of the database thread rejects what is pending; the next statement opens the database again', async t => {
  const db = await withPglite(t)
  await db.query("insert into duties values ('before', 1)")
  await db.exec('create function endless(i int) returns int language sql volatile as $$ select endless(i + 1) $$')
  // Its stack overflows; PGlite says so with a PANIC at the statement after.
  await db.query('select endless(1)').catch(() => {})
  const isLost = (error: unknown): boolean => error instanceof DatabaseError && error.code === 'connection'
  const transaction = db.transaction(async tx => {
    await assert.rejects(tx.query("insert into duties values ('lost', 1)"), isLost)
    await tx.query("insert into duties values ('stray', 1)")
  })
  await assert.rejects(transaction, isLost, 'nothing of the transaction reaches the new session')
  assert.deepEqual(await db.query('select duty from duties'), [{ duty: 'before' }])
})
