import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { migrate, openDatabase } from '../../../bridge/index.ts'
import { silent } from '../../support/databases.ts'
import { FENCE, fixAt, INSIDE, OUTSIDE, withIngest } from '../../support/ingest.ts'
import { temporaryFolder } from '../../support/scope.ts'
import { standingEvents } from '../../support/standing.ts'

test('what a version without event time stored stays, and event time begins after it', async t => {
  const db = await openDatabase({ dataDirectory: await temporaryFolder(t), logger: silent })
  t.after(() => db.close())
  // The build's database has today's tables.
  await db.exec('drop schema public cascade; create schema public')
  const initial = new URL('../../../bridge/store/migrations/0001-initial.sql', import.meta.url)
  await db.exec('create table migrations (name text primary key, applied_at bigint not null)')
  await db.exec(await readFile(initial, 'utf8'))
  await db.query(`insert into migrations values ('0001-initial.sql', 0)`)
  const newest = { deviceId: 'truck', ...fixAt(20, INSIDE) }
  const event = {
    id: 'ge-1',
    event: 'enter',
    deviceId: 'truck',
    fenceId: 'square',
    fenceName: 'Square',
    timestamp: newest.timestamp,
    location: INSIDE,
  }
  const engine = { newest: fixAt(20, INSIDE), fences: { square: { inside: true } } }
  await db.query(`insert into organisations values ('demo', 0)`)
  await db.query(`insert into devices (org, device_id, created_at) values ('demo', 'truck', 0)`)
  await db.query(`insert into fences values ('demo', 'square', $1::jsonb, 0)`, [JSON.stringify(FENCE)])
  await db.query(`insert into device_state values ('demo', 'truck', 7, $1, $2::jsonb, $3::jsonb)`, [
    newest.timestamp,
    JSON.stringify(newest),
    JSON.stringify(engine),
  ])
  await db.query(
    `insert into events (org, id, event, device_id, fence_id, event_time, stored_at, body)
     values ('demo', 'ge-1', 'enter', 'truck', 'square', $1, 0, $2::jsonb)`,
    [newest.timestamp, JSON.stringify(event)],
  )
  for (const fix of [fixAt(10, OUTSIDE), fixAt(20, INSIDE)]) {
    await db.query(
      `insert into fixes (org, device_id, fix_time, received_at, lat, lng) values ('demo', 'truck', $1, 0, $2, $3)`,
      [fix.timestamp, fix.location.lat, fix.location.lng],
    )
  }

  await migrate(db)
  const { ingest, send } = await withIngest(t, db, 'demo')
  const before = await standingEvents(db, 'demo')
  assert.equal(before.length, 1)
  await send('truck', fixAt(15, INSIDE), fixAt(5, INSIDE))
  assert.deepEqual(await standingEvents(db, 'demo'), before, 'what was evaluated by arrival is settled')
  await send('truck', fixAt(40, INSIDE))
  await send('truck', fixAt(30, OUTSIDE))
  await ingest.close()
  const after = (await standingEvents(db, 'demo')).map(line => line.split(' ')[2])
  assert.deepEqual(after, ['enter', 'exit', 'enter'])
})
