import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { createShareLinks, type Database } from '../../../bridge/index.ts'
import { insertShareLink } from '../../../bridge/store/share-links.ts'
import { principalOf, type ShareScope, type TrackwireError } from '../../../contract/index.ts'
import { silent, withPglite } from '../../support/databases.ts'
import { openScope } from '../../support/scope.ts'

const T0 = 1_700_000_000_000
const scope: ShareScope = { link: 'l1', view: 'v1', devices: ['truck-7'], from: T0, until: T0 + 60_000 }
const PRINCIPAL = principalOf({ org: 'demo', sub: 'share:l1:v1', role: 'user', exp: T0, scope })

const all = openScope()
let db: Database
before(async () => {
  db = await withPglite(all)
})
after(() => all.release())

async function linked(t: TestContext) {
  let nowMs = T0
  await db.exec('truncate organisations, users, share_links, bans, devices cascade')
  await db.query(`insert into organisations (org, created_at) values ('demo', 0)`)
  await db.query(
    `insert into users (org, user_id, role, password_hash, devices, created_at) values ('demo', 'ann', 'user', 'x', $1, 0)`,
    [['truck-7', 'van-1']],
  )
  await insertShareLink(db, {
    org: 'demo',
    id: 'l1',
    codeHash: 'h',
    maker: 'ann',
    label: null,
    devices: ['truck-7'],
    from: T0,
    until: T0 + 60_000,
    history: false,
    area: null,
    precisionMeters: null,
    maxViews: null,
    createdAt: T0,
  })
  const links = createShareLinks(db, { logger: silent, now: () => nowMs })
  t.after(() => links.close())
  const at = (timeMs: number): void => {
    nowMs = timeMs
  }
  return { links, at }
}

const ends: [what: string, change: string][] = [
  ['is revoked', `update share_links set revoked_at = 1`],
  ['is made to end sooner', `update share_links set until_time = ${T0}`],
  ['is deleted', `delete from share_links`],
  ['loses a device of its maker', `update users set devices = '{van-1}'`],
  ['loses its maker', `delete from users`],
  ['has a maker who is disabled', `update users set disabled = true`],
  ['has a maker who is banned', `insert into bans (org, sub, banned_at, banned_by) values ('demo', 'ann', 0, 'admin')`],
]
for (const [what, change] of ends) {
  test(`a link that ${what}, on whichever node, is found ended by the next look; nobody is admitted any more`, async t => {
    const { links } = await linked(t)
    assert.equal(await links.admit(PRINCIPAL), PRINCIPAL)
    const ended = new Promise<TrackwireError>(resolve => links.watch('demo', scope, resolve))
    await db.exec(change)
    assert.equal((await ended).code, 'share_ended')
    await assert.rejects(links.admit(PRINCIPAL), { code: 'share_ended' })
  })
}

test('a maker may hold a device by a group of it, until either is taken away', async t => {
  const { links } = await linked(t)
  await db.exec(`update users set devices = '{}', groups = '{vans}';
    insert into devices (org, device_id, groups, created_at) values ('demo', 'truck-7', '{vans,north}', 0)`)
  assert.equal(await links.admit(PRINCIPAL), PRINCIPAL)
  await db.exec(`update devices set groups = '{north}'`)
  await assert.rejects(links.admit(PRINCIPAL), { code: 'share_ended' })
})

test('a ban that is over ends no link', async t => {
  const { links } = await linked(t)
  await db.exec(`insert into bans (org, sub, until, banned_at, banned_by) values ('demo', 'ann', 1, 0, 'admin')`)
  assert.equal(await links.admit(PRINCIPAL), PRINCIPAL)
})

test('a link that lives is left alone, and who has left is not called', async t => {
  const { links, at } = await linked(t)
  let calls = 0
  const stop = links.watch('demo', scope, () => {
    calls += 1
  })
  const other = links.watch('demo', { ...scope, link: 'none' }, () => {})
  await links.look()
  assert.equal(calls, 0)
  stop()
  other()
  await db.exec('delete from share_links')
  await links.look()
  assert.equal(calls, 0)
  at(T0 + 60_000)
  await assert.rejects(links.admit(PRINCIPAL), { code: 'share_ended' })
})

test('a scope without a link is admitted by its token alone, and so is everybody else', async t => {
  const { links } = await linked(t)
  const { link: _, ...handMade } = scope
  for (const claims of [{ scope: handMade }, {}]) {
    const principal = principalOf({ org: 'demo', sub: 'guest', role: 'user', exp: T0, ...claims })
    assert.equal(await links.admit(principal), principal)
  }
})

test('a link of another organisation does not stand behind a scope', async t => {
  const { links } = await linked(t)
  await assert.rejects(links.admit({ ...PRINCIPAL, org: 'rival' }), { code: 'share_ended' })
})
