import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { migrate, openDatabase } from '../../../bridge/index.ts'
import { silent, withPostgresUrl } from '../../support/databases.ts'
import { INSIDE, OUTSIDE, withIngest } from '../../support/ingest.ts'
import { NODE_ARGUMENTS } from '../../support/node-arguments.ts'
import { type TestScope, temporaryFolder } from '../../support/scope.ts'

const CHILD = fileURLToPath(new URL('../../support/ingest-child.js', import.meta.url))
const KILL_AFTER_ACKNOWLEDGED = 60

async function killAndResume(t: TestScope, dataDirectory: string, url: string): Promise<void> {
  const child = spawn(process.execPath, [...NODE_ARGUMENTS, CHILD, dataDirectory, url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(async () => void child.kill('SIGKILL'))
  const acknowledged: number[] = []
  const announced: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const [what, value] = line.split(' ') as [string, string]
    if (what === 'announced') announced.push(value)
    else if (acknowledged.push(Number(value)) === KILL_AFTER_ACKNOWLEDGED) child.kill('SIGKILL')
  }
  assert.ok(acknowledged.length >= KILL_AFTER_ACKNOWLEDGED)

  const db = await openDatabase({ url, dataDirectory, logger: silent })
  t.after(() => db.close())
  await migrate(db)
  const stored = (await db.query<{ t: number }>('select fix_time as t from fixes order by 1')).map(row => row.t)
  assert.deepEqual(stored.slice(0, acknowledged.length), acknowledged, 'everything acknowledged is stored')

  // The device sends again what it did not see acknowledged, and goes on.
  const { ingest, recorder, send } = await withIngest(t, db, 'demo')
  const lastAcknowledged = acknowledged.at(-1)!
  for (let i = 1; i <= 10; i++) {
    const timestamp = lastAcknowledged + i * 1_000
    await send('truck', {
      timestamp,
      location: (timestamp / 1_000) % 2 === (acknowledged[0]! / 1_000) % 2 ? OUTSIDE : INSIDE,
    })
  }
  await ingest.close()
  const events = await db.query<{ id: string; event: string }>('select id, event from events order by seq')
  // Fix 1 is outside, every other fix crosses.
  const expected = Array.from({ length: acknowledged.length + 9 }, (_, i) => (i % 2 ? 'exit' : 'enter'))
  assert.deepEqual(
    events.map(({ event }) => event),
    expected,
    'every crossing once',
  )
  for (const { topic, payload } of recorder.messages) {
    if (topic.includes('notifications')) announced.push((JSON.parse(payload) as { id: string }).id)
  }
  const ids = events.map(({ id }) => id)
  assert.deepEqual([...new Set(announced)].sort(), ids.sort(), 'every crossing is announced, before the kill or after')
  assert.deepEqual(await db.query('select * from outbox'), [])
}

test('kill -9 amid the fixes loses nothing acknowledged and no crossing (embedded database)', async t => {
  await killAndResume(t, await temporaryFolder(t), '')
})

test('kill -9 amid the fixes loses nothing acknowledged and no crossing (PostgreSQL)', async t => {
  const url = await withPostgresUrl(t)
  if (url !== undefined) await killAndResume(t, '', url)
})
