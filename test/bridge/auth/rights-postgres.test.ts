import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rights } from '../../../bridge/auth/rights.ts'
import { type Database, migrate, openDatabase } from '../../../bridge/index.ts'
import { putBan } from '../../../bridge/store/bans.ts'
import { recordRightsChanges } from '../../../bridge/store/rights-changes.ts'
import { principalOf } from '../../../contract/index.ts'
import { rightsSuite } from '../../suites/rights-suite.ts'
import { silent, withCluster, withPostgres } from '../../support/databases.ts'

rightsSuite('PostgreSQL', withPostgres)

test('while the server is down what was known last stays in force; afterwards it catches up', async t => {
  const cluster = await withCluster(t)
  if (cluster === undefined) return
  const db = await openDatabase({ url: cluster.url, dataDirectory: '', logger: silent })
  t.after(() => db.close())
  await migrate(db)
  const ban = (on: Database, sub: string) =>
    on.transaction(async tx => {
      await putBan(tx, { org: 'demo', sub, until: null, reason: null, by: 'boss' }, Date.now())
      await recordRightsChanges(tx, [{ org: 'demo', kind: 'ban', id: sub, sub }], Date.now())
    })
  await ban(db, 'ann')
  const rights = await Rights.open({ db, logger: silent })
  t.after(() => rights.close())
  const [ann, ben] = ['ann', 'ben'].map(sub => principalOf({ sub, org: 'demo', role: 'user', exp: 4_000_000_000 }))
  await cluster.stop()
  await rights.refresh()
  assert.throws(() => rights.current(ann!), { code: 'principal_banned' })
  assert.equal(rights.current(ben!), ben)
  const told = new Promise(resolve => rights.onChange(resolve))
  await cluster.start()
  const other = await openDatabase({ url: cluster.url, dataDirectory: '', logger: silent })
  t.after(() => other.close())
  await ban(other, 'ben')
  assert.deepEqual(await told, { org: 'demo', sub: 'ben' })
  assert.throws(() => rights.current(ben!), { code: 'principal_banned' })
})
