import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { Rights, type RightsChange } from '../../bridge/auth/rights.ts'
import { createUsers } from '../../bridge/auth/users.ts'
import type { Database } from '../../bridge/index.ts'
import { deleteBan, putBan } from '../../bridge/store/bans.ts'
import { registerDevice, registerDeviceIn } from '../../bridge/store/devices.ts'
import { listRevocations, revokeToken, revokeTokensBefore } from '../../bridge/store/revocations.ts'
import { lastRightsChange, recordRightsChanges } from '../../bridge/store/rights-changes.ts'
import { type Principal, principalOf } from '../../contract/index.ts'
import { onDatabase } from '../support/database-suite.ts'
import { silent } from '../support/databases.ts'
import type { TestScope } from '../support/scope.ts'

const HOUR_MS = 3_600_000
const SECOND_MS = 1_000
const WHY = { reason: 'administrator', by: 'boss' } as const

/** What the database says of principals, on several nodes over one database. */
export function rightsSuite(name: string, openDatabase: (t: TestScope) => Promise<Database | undefined>): void {
  describe(`rights on ${name}`, () => {
    let db: Database
    const { it } = onDatabase(name, openDatabase, {
      orgs: 'rights',
      use: opened => {
        db = opened
      },
    })

    const open = async (t: TestScope, now?: () => number): Promise<Rights> => {
      const rights = await Rights.open({ db, logger: silent, now })
      t.after(() => rights.close())
      return rights
    }
    /** Resolves with the first change of the organisation that the node is told of from now on. */
    const toldOf = (rights: Rights, org: string): Promise<RightsChange> =>
      new Promise(resolve => {
        const stop = rights.onChange(change => {
          if (change.org !== org) return
          stop()
          resolve(change)
        })
      })
    const issued = (org: string, more: Partial<Parameters<typeof principalOf>[0]> = {}): Principal =>
      principalOf({
        sub: 'ann',
        org,
        role: 'user',
        iat: Date.now() / 1_000 - 1,
        exp: Date.now() / 1_000 + 3_600,
        ...more,
      })
    const usersOf = (org: string) => {
      const users = createUsers(db)
      const act = { org, actor: 'boss', action: 'user.change', target: 'somebody' }
      const named = (id: string) => `${id}-${org}`
      return {
        create: (id: string, more: Partial<Parameters<typeof users.create>[1]> = {}) =>
          users.create(act, { id: named(id), role: 'user', password: null, ...more }),
        change: (id: string, change: Parameters<typeof users.change>[2]) => users.change(act, named(id), change),
        remove: (id: string) => users.remove(act, named(id)),
        token: (id: string, more: Partial<Parameters<typeof principalOf>[0]> = {}) =>
          issued(org, { sub: named(id), ...more }),
      }
    }
    const refused = (rights: Rights, principal: Principal, code: string, message?: RegExp) =>
      assert.throws(() => rights.current(principal), { code, ...(message && { message }) })

    it('a token of whom the database says nothing speaks for itself, as the very same object', async (t, org) => {
      const rights = await open(t)
      const token = issued(org, { devices: ['truck-1'] })
      assert.equal(rights.current(token), token)
      await registerDevice(db, { org, deviceId: 'other', groups: ['vans'] }, Date.now())
      await rights.refresh()
      assert.equal(rights.current(token), token, 'also where the organisation is known')
    })

    it('another node sees a grant, and its end', async (t, org) => {
      const users = usersOf(org)
      await users.create('ann')
      const there = await open(t)
      const token = users.token('ann', { devices: ['own'] })
      assert.deepEqual([...there.current(token).devices], ['own'])
      let told = toldOf(there, org)
      await users.change('ann', { devices: ['truck-1'] })
      assert.deepEqual(await told, { org, sub: token.sub })
      assert.deepEqual([...there.current(token).devices], ['own', 'truck-1'], 'it adds to what the token says')
      told = toldOf(there, org)
      await users.change('ann', { devices: [] })
      await told
      assert.deepEqual([...there.current(token).devices], ['own'])
    })

    it('a granted group is its devices at any time, by the account and by the claim', async (t, org) => {
      const users = usersOf(org)
      await users.create('ann', { groups: ['vans'] })
      await registerDevice(db, { org, deviceId: 'van-1', groups: ['vans'] }, Date.now())
      const there = await open(t)
      const byAccount = users.token('ann')
      const byClaim = issued(org, { sub: 'from-outside', groups: ['vans'] })
      const seen = () => [byAccount, byClaim].map(token => [...there.current(token).devices].sort())
      assert.deepEqual(seen(), [['van-1'], ['van-1']])
      assert.deepEqual(there.current(byAccount).groups, ['vans'])

      const change = async (groups: string[], deviceId = 'van-1') => {
        const told = toldOf(there, org)
        await registerDevice(db, { org, deviceId, groups }, Date.now())
        assert.deepEqual(await told, { org, sub: null }, 'it may concern anybody')
      }
      await change(['vans', 'north'], 'van-2')
      assert.deepEqual(seen(), [
        ['van-1', 'van-2'],
        ['van-1', 'van-2'],
      ])
      const before = there.current(byAccount).devices
      await change(['lorries'])
      assert.deepEqual(seen(), [['van-2'], ['van-2']])
      assert.ok(before.has('van-1'), 'what was given out stays as it was')
    })

    it('registering a device without groups, or again with the same, changes nobody’s rights', async (_t, org) => {
      await registerDevice(db, { org, deviceId: 'plain' }, Date.now())
      await registerDevice(db, { org, deviceId: 'grouped', groups: ['a', 'b'] }, Date.now())
      const before = await lastRightsChange(db)
      await registerDevice(db, { org, deviceId: 'plain', name: 'Plain' }, Date.now())
      await registerDevice(db, { org, deviceId: 'grouped', groups: ['b', 'a'] }, Date.now())
      await registerDevice(db, { org, deviceId: 'grouped', name: 'Grouped' }, Date.now())
      assert.equal(await lastRightsChange(db), before)
    })

    it('a change that is rolled back is no change', async (t, org) => {
      const rights = await open(t)
      const attempt = db.transaction(async tx => {
        await registerDeviceIn(tx, { org, deviceId: 'van-1', groups: ['vans'] }, Date.now())
        throw new Error('no')
      })
      await assert.rejects(attempt)
      await rights.refresh()
      assert.equal(rights.current(issued(org, { groups: ['vans'] })).devices.size, 0)
    })

    it('a role that is changed counts for tokens issued before; later ones speak for themselves', async (t, org) => {
      const users = usersOf(org)
      await users.create('ann', { role: 'dispatcher' })
      const there = await open(t)
      const before = users.token('ann', { role: 'dispatcher' })
      const undated = principalOf({ sub: before.sub, org, role: 'dispatcher', exp: 4_000_000_000 })
      assert.equal(there.current(before).role, 'dispatcher')
      const told = toldOf(there, org)
      await users.change('ann', { role: 'user' })
      assert.deepEqual(await told, { org, sub: before.sub })
      assert.equal(there.current(before).role, 'user')
      assert.equal(there.current(undated).role, 'user', 'one that does not say when it was issued is an old one')
      const after = users.token('ann', { role: 'service', iat: Date.now() / 1_000 + 1 })
      assert.equal(there.current(after).role, 'service')
    })

    it('a disabled account is shut out; enabled again, its old tokens stay revoked', async (t, org) => {
      const users = usersOf(org)
      await users.create('ann')
      const there = await open(t)
      const token = users.token('ann')
      const later = users.token('ann', { iat: Date.now() / 1_000 + 60 })
      assert.equal(there.current(token).role, 'user')
      let told = toldOf(there, org)
      await users.change('ann', { disabled: true })
      await told
      refused(there, token, 'token_revoked')
      refused(there, later, 'token_revoked', /disabled/)
      told = toldOf(there, org)
      await users.change('ann', { disabled: false })
      await told
      refused(there, token, 'token_revoked')
      assert.equal(there.current(later).role, 'user')
    })

    it('the tokens of a deleted account are refused, also when its id is given again', async (t, org) => {
      const users = usersOf(org)
      await users.create('ann')
      const there = await open(t)
      const token = users.token('ann')
      let told = toldOf(there, org)
      await users.remove('ann')
      await told
      refused(there, token, 'token_revoked')
      told = toldOf(there, org)
      await users.create('ann')
      await told
      refused(there, token, 'token_revoked')
    })

    it('another node sees a ban, and its end', async (t, org) => {
      const there = await open(t)
      const token = issued(org, { sub: 'truck-1', role: 'device' })
      let told = toldOf(there, org)
      await db.transaction(async tx => {
        await putBan(tx, { org, sub: 'truck-1', until: null, reason: 'stolen', by: 'boss' }, Date.now())
        await recordRightsChanges(tx, [{ org, kind: 'ban', id: 'truck-1', sub: 'truck-1' }], Date.now())
      })
      await told
      assert.throws(() => there.current(token), { code: 'principal_banned', status: 403, message: /^(?!.*stolen)/ })
      assert.ok(there.current(issued(org)), 'nobody else')
      told = toldOf(there, org)
      await db.transaction(async tx => {
        assert.equal(await deleteBan(tx, org, 'truck-1'), true)
        await recordRightsChanges(tx, [{ org, kind: 'ban', id: 'truck-1', sub: 'truck-1' }], Date.now())
      })
      await told
      assert.equal(there.current(token), token)
    })

    it('a ban ends at its time by itself', async (t, org) => {
      let ahead = 0
      await putBan(db, { org, sub: 'ann', until: Date.now() + HOUR_MS, reason: null, by: 'boss' }, Date.now())
      const rights = await open(t, () => Date.now() + ahead)
      const token = issued(org)
      refused(rights, token, 'principal_banned', /until 20\d\d-/)
      ahead = HOUR_MS
      assert.equal(rights.current(token), token)
    })

    it('another node sees that one token, one log-in, all tokens before a time are revoked', async (t, org) => {
      const there = await open(t)
      const [one, other] = [issued(org, { jti: 'j-1' }), issued(org, { jti: 'j-2' })]
      const [access, socket] = [issued(org, { jti: 'j-3', sid: 's-1' }), issued(org, { jti: 'j-4', sid: 's-1' })]
      for (const token of [one, other, access, socket]) assert.equal(there.current(token), token)
      const revoked = async (id: string) => {
        const told = toldOf(there, org)
        const token = { org, id, expiresAt: Date.now() + HOUR_MS, sub: 'ann' }
        await db.transaction(tx => revokeToken(tx, token, WHY, Date.now()))
        assert.deepEqual(await told, { org, sub: 'ann' })
      }
      await revoked('j-1')
      assert.throws(() => there.current(one), { code: 'token_revoked', status: 401 })
      assert.equal(there.current(other), other)
      await revoked('s-1')
      refused(there, access, 'token_revoked')
      refused(there, socket, 'token_revoked')

      const at = Date.now()
      const told = toldOf(there, org)
      const before = { org, kind: 'account', sub: 'ann', before: at } as const
      await db.transaction(tx => revokeTokensBefore(tx, before, WHY, at))
      await told
      refused(there, issued(org, { iat: at / 1_000 - 0.001 }), 'token_revoked')
      refused(there, principalOf({ sub: 'ann', org, role: 'user', exp: 4_000_000_000 }), 'token_revoked')
      assert.ok(there.current(issued(org, { iat: at / 1_000 })), 'what is issued from then on is valid')
      assert.ok(there.current(issued(org, { role: 'device', iat: 1 })), 'a device of the same id is another one')
    })

    it('revoking again never gives anything back', async (_t, org) => {
      const before = (ms: number) =>
        revokeTokensBefore(db, { org, kind: 'device', sub: 'truck-1', before: ms }, WHY, Date.now())
      await before(2_000)
      await before(1_000)
      await revokeToken(db, { org, id: 'j-1', expiresAt: null, sub: null }, WHY, 1)
      await revokeToken(db, { org, id: 'j-1', expiresAt: 5_000, sub: null }, WHY, 1)
      const rows = await listRevocations(db, org, { after: undefined, limit: 10, nowMs: 0 })
      assert.deepEqual(
        rows.map(({ kind, before, expires_at }) => [kind, before, expires_at]),
        [
          ['device', 2_000, null],
          ['token', null, null],
        ],
      )
    })

    it('a restart keeps bans, revocations, grants and roles', async (t, org) => {
      const users = usersOf(org)
      await users.create('ann', { role: 'dispatcher', devices: ['truck-1'], groups: ['vans'] })
      const old = users.token('ann', { role: 'dispatcher' })
      await users.change('ann', { role: 'user' })
      await registerDevice(db, { org, deviceId: 'van-1', groups: ['vans'] }, Date.now())
      await putBan(db, { org, sub: 'banned', until: null, reason: null, by: 'boss' }, Date.now())
      await revokeToken(db, { org, id: 'j-1', expiresAt: Date.now() + HOUR_MS, sub: null }, WHY, Date.now())
      const rights = await open(t)
      const { role, devices } = rights.current(old)
      assert.deepEqual([role, [...devices].sort()], ['user', ['truck-1', 'van-1']])
      refused(rights, issued(org, { sub: 'banned' }), 'principal_banned')
      refused(rights, issued(org, { jti: 'j-1' }), 'token_revoked')
    })

    it('organisations are apart: the same sub, jti and group elsewhere mean nothing', async (t, org) => {
      const rights = await open(t)
      await registerDevice(db, { org, deviceId: 'van-1', groups: ['vans'] }, Date.now())
      await revokeToken(db, { org, id: 'j-1', expiresAt: null, sub: null }, WHY, Date.now())
      await revokeTokensBefore(db, { org, kind: 'account', sub: 'ann', before: Date.now() + HOUR_MS }, WHY, Date.now())
      await rights.refresh()
      const elsewhere = issued(`${org}-b`, { jti: 'j-1', groups: ['vans'] })
      assert.equal(rights.current(elsewhere), elsewhere)
      await registerDevice(db, { org: `${org}-b`, deviceId: 'bus-1', groups: ['vans'] }, Date.now())
      await rights.refresh()
      assert.deepEqual([...rights.current(elsewhere).devices], ['bus-1'])
    })

    it('a share link sees what it says, whatever is granted to an account of that id', async (t, org) => {
      const users = usersOf(org)
      await users.create('ann', { devices: ['truck-1'], groups: ['vans'] })
      const rights = await open(t)
      const share = { ...users.token('ann', { devices: ['truck-9'] }), share: { devices: ['truck-9'], until: 1 } }
      assert.equal(rights.current(share as Principal), share)
    })

    it('what was judged is remembered until something changes', async (t, org) => {
      const rights = await open(t)
      await registerDevice(db, { org, deviceId: 'van-1', groups: ['vans'] }, Date.now())
      await rights.refresh()
      const token = issued(org, { groups: ['vans'] })
      const first = rights.current(token)
      assert.equal(rights.current(token), first)
      await registerDevice(db, { org, deviceId: 'van-2', groups: ['vans'] }, Date.now())
      await rights.refresh()
      assert.equal(rights.current(token).devices.size, 2)
    })

    it('a change that is committed after a later one is not missed', async (t, org) => {
      if (db.kind === 'pglite') return t.skip?.('one session: transactions do not overlap')
      const there = await open(t)
      let finish = (): void => {}
      const held = new Promise<void>(resolve => {
        finish = resolve
      })
      const slow = db.transaction(async tx => {
        await registerDeviceIn(tx, { org, deviceId: 'slow', groups: ['vans'] }, Date.now())
        await held
      })
      await registerDevice(db, { org: `${org}-b`, deviceId: 'fast', groups: ['vans'] }, Date.now())
      await there.refresh()
      assert.equal(there.current(issued(`${org}-b`, { groups: ['vans'] })).devices.size, 1)
      assert.equal(there.current(issued(org, { groups: ['vans'] })).devices.size, 0)
      const told = toldOf(there, org)
      finish()
      await slow
      await told
      assert.deepEqual([...there.current(issued(org, { groups: ['vans'] })).devices], ['slow'])
    })

    it('a node that could not look for long loads everything again; what has run out is swept', async (t, org) => {
      let ahead = 0
      const now = () => Date.now() + ahead
      const rights = await open(t, now)
      await putBan(db, { org, sub: 'brief', until: Date.now() + SECOND_MS, reason: null, by: 'boss' }, Date.now())
      await revokeToken(db, { org, id: 'j-1', expiresAt: Date.now() + SECOND_MS, sub: null }, WHY, Date.now())
      await revokeToken(db, { org, id: 'j-2', expiresAt: null, sub: null }, WHY, Date.now())
      await rights.refresh()
      refused(rights, issued(org, { jti: 'j-1' }), 'token_revoked')
      // Written as by a node whose changes are gone from the table.
      await putBan(db, { org, sub: 'ann', until: null, reason: null, by: 'boss' }, Date.now())
      await rights.refresh()
      assert.ok(rights.current(issued(org)))
      const told = toldOf(rights, org)
      ahead = 30 * HOUR_MS
      await rights.refresh()
      assert.deepEqual(await told, { org, sub: null })
      refused(rights, issued(org), 'principal_banned')
      assert.equal((await db.query('select from bans where org = $1', [org])).length, 1)
      assert.deepEqual(await db.query('select id from revocations where org = $1', [org]), [{ id: 'j-2' }])
      assert.equal((await db.query('select from rights_changes where org = $1', [org])).length, 0)
      assert.ok(rights.current(issued(org, { jti: 'j-1', sub: 'ben' })), 'it would have expired')
    })

    it('more changes than a page come at once, each principal told once', async (t, org) => {
      const rights = await open(t)
      const told: RightsChange[] = []
      rights.onChange(change => {
        if (change.org === org) told.push(change)
      })
      const changes = Array.from({ length: 2_500 }, (_, i) => {
        return { org, kind: 'ban', id: `u-${i % 5}`, sub: `u-${i % 5}` } as const
      })
      await recordRightsChanges(db, changes, Date.now())
      await rights.refresh()
      assert.equal(told.length, 5)
      await recordRightsChanges(db, [...changes, { org, kind: 'device-groups', id: 'none', sub: null }], Date.now())
      await rights.refresh()
      assert.deepEqual(told.slice(5), [{ org, sub: null }], 'or the whole organisation at once')
    })

    it('a listener that throws keeps nothing from the others; one that has stopped is not called', async (t, org) => {
      const rights = await open(t)
      let stopped = 0
      const stop = rights.onChange(() => {
        stopped += 1
      })
      stop()
      rights.onChange(() => {
        throw new Error('a fault of its own')
      })
      const told = toldOf(rights, org)
      await registerDevice(db, { org, deviceId: 'van-1', groups: ['vans'] }, Date.now())
      await rights.refresh()
      await told
      assert.equal(stopped, 0)
    })
  })
}
