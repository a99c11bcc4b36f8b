import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  type Accounts,
  createAccounts,
  createUser,
  createUsers,
  type Database,
  ensureFirstAccount,
  migrate,
  openDatabase,
  type Users,
} from '../../../bridge/index.ts'
import { putBan } from '../../../bridge/store/bans.ts'
import { listUsers } from '../../../bridge/store/users.ts'
import { silent, withPglite, withPostgresUrl } from '../../support/databases.ts'
import { openScope } from '../../support/scope.ts'

const DAY_MS = 86_400_000

const scope = openScope()
const url = await withPostgresUrl(scope)
after(() => scope.release())

describe('accounts on PGlite', () => accountsSuite(() => withPglite(scope)))
describe('accounts on PostgreSQL', { skip: url === undefined && 'no PostgreSQL server programs' }, () =>
  accountsSuite(() => openDatabase({ url, dataDirectory: '', logger: silent })),
)

function accountsSuite(open: () => Promise<Database>): void {
  let db: Database
  let accounts: Accounts
  let users: Users
  const actOf = (org: string) => ({ org, actor: 'admin', action: 'user.change', target: 'somebody' })
  const admin = actOf('demo')
  let nowMs = Date.UTC(2026, 0, 1)
  const address = '192.0.2.1'

  before(async () => {
    db = await open()
    await migrate(db)
    accounts = createAccounts(db, { now: () => nowMs })
    users = createUsers(db, { now: () => nowMs })
  })
  after(() => db.close())

  test('the very first start makes one administrator, however many processes start', async () => {
    const made = await Promise.all([ensureFirstAccount(db), ensureFirstAccount(db), ensureFirstAccount(db)])
    const [first, ...others] = made.filter(account => account !== null)
    assert.equal(others.length, 0)
    assert.equal(first!.username, 'admin')
    assert.ok(first!.password.length >= 16)
    assert.equal(await ensureFirstAccount(db), null, 'a later start makes none')
    const { account } = await accounts.login({ ...first!, address })
    assert.deepEqual(account, { sub: 'admin', org: 'demo', role: 'admin' })
  })

  test('passwords are kept as scrypt hashes with their parameters and a salt of their own', async () => {
    await createUser(db, { org: 'demo', username: 'ann', role: 'user', password: 'same words', devices: ['truck-7'] })
    await createUser(db, { org: 'demo', username: 'ben', role: 'user', password: 'same words' })
    const rows = await db.query<{ password_hash: string }>(
      "select password_hash from users where user_id in ('ann', 'ben')",
    )
    for (const { password_hash } of rows) assert.match(password_hash, /^scrypt\$32768\$8\$3\$[\w-]{22}\$[\w-]{43}$/)
    assert.notEqual(rows[0]!.password_hash, rows[1]!.password_hash)
  })

  test('a user id is taken once', async () => {
    assert.equal(await createUser(db, { org: 'other', username: 'ann', role: 'user', password: 'long enough' }), false)
  })

  test('names that no topic could bear are refused', async () => {
    const user = { org: 'demo', username: 'a/b', role: 'user', password: 'long enough' } as const
    await assert.rejects(createUser(db, user), { code: 'request_invalid' })
    await assert.rejects(createUser(db, { ...user, username: 'c', org: 'Demo' }), { code: 'request_invalid' })
  })

  const wrong: readonly [string, string, string][] = [
    ['a wrong password', 'ann', 'same word'],
    ['an unknown user', 'nobody', 'same words'],
    ['an empty password', 'ann', ''],
    ['a name with a NUL', 'a\0nn', 'same words'],
    ['a name that is SQL', "' or 1=1 --", 'same words'],
  ]
  for (const [name, username, password] of wrong) {
    test(`${name} is answered like every other: credentials_wrong`, async () => {
      await assert.rejects(accounts.login({ username, password, address: '192.0.2.9' }), {
        code: 'credentials_wrong',
        message: 'User name or password is wrong.',
      })
    })
  }

  test('guessing is slowed per account and address, and the right password from elsewhere still works', async () => {
    const guess = () => accounts.login({ username: 'ben', password: 'guess', address: '192.0.2.66' })
    for (let i = 0; i < 5; i++) await assert.rejects(guess(), { code: 'credentials_wrong' })
    await assert.rejects(guess(), (error: { code: string; details: { retryAfterSeconds: number } }) => {
      assert.equal(error.code, 'too_many_attempts')
      assert.equal(error.details.retryAfterSeconds, 1)
      return true
    })
    nowMs += 1_000
    await assert.rejects(guess(), { code: 'credentials_wrong' })
    await assert.rejects(guess(), { code: 'too_many_attempts' })
    assert.ok(await accounts.login({ username: 'ben', password: 'same words', address }))
    nowMs += 2_000
    assert.ok(await accounts.login({ username: 'ben', password: 'same words', address: '192.0.2.66' }))
  })

  test('a refresh token is good for one use and gives the next', async () => {
    const first = await accounts.login({ username: 'ann', password: 'same words', address })
    const second = await accounts.refresh(first.refreshToken)
    assert.notEqual(second.refreshToken, first.refreshToken)
    assert.deepEqual(second.account, first.account)
    assert.ok(await accounts.refresh(second.refreshToken))
  })

  test('using a refresh token twice revokes all that followed from the same log-in, and nothing else', async () => {
    const other = await accounts.login({ username: 'ann', password: 'same words', address })
    const first = await accounts.login({ username: 'ann', password: 'same words', address })
    const second = await accounts.refresh(first.refreshToken)
    await assert.rejects(accounts.refresh(first.refreshToken), { code: 'refresh_reused' })
    await assert.rejects(accounts.refresh(second.refreshToken), { code: 'token_invalid' })
    assert.ok(await accounts.refresh(other.refreshToken))
  })

  test('of two that use the same refresh token at once, one wins and the family is revoked', async () => {
    const { refreshToken } = await accounts.login({ username: 'ann', password: 'same words', address })
    const results = await Promise.allSettled([accounts.refresh(refreshToken), accounts.refresh(refreshToken)])
    const winners = results.filter(result => result.status === 'fulfilled')
    assert.equal(winners.length, 1)
    await assert.rejects(accounts.refresh(winners[0]!.value.refreshToken), { code: 'token_invalid' })
  })

  test('a refresh token expires after 7 days', async () => {
    const { refreshToken } = await accounts.login({ username: 'ann', password: 'same words', address })
    nowMs += 7 * DAY_MS
    await assert.rejects(accounts.refresh(refreshToken), { code: 'token_expired' })
  })

  test('logging out revokes the family; an unknown token is no error', async () => {
    const { refreshToken } = await accounts.login({ username: 'ann', password: 'same words', address })
    await accounts.logout(refreshToken)
    await accounts.logout('never seen')
    await assert.rejects(accounts.refresh(refreshToken), { code: 'token_invalid' })
  })

  test('refresh tokens are kept as hashes only', async () => {
    const { refreshToken } = await accounts.login({ username: 'ann', password: 'same words', address })
    const rows = await db.query<{ token_hash: string }>('select token_hash from refresh_tokens')
    assert.ok(rows.every(({ token_hash }) => /^[0-9a-f]{64}$/.test(token_hash) && token_hash !== refreshToken))
  })

  test('a new password ends the sessions of the old one', async () => {
    const { refreshToken } = await accounts.login({ username: 'ben', password: 'same words', address })
    await users.change(admin, 'ben', { password: 'other words' })
    await assert.rejects(accounts.refresh(refreshToken), { code: 'token_invalid' })
    await assert.rejects(accounts.login({ username: 'ben', password: 'same words', address }), {
      code: 'credentials_wrong',
    })
    assert.ok(await accounts.login({ username: 'ben', password: 'other words', address }))
    await assert.rejects(users.change(admin, 'nobody', { password: 'other words' }), { code: 'user_unknown' })
  })

  test('one changes the own password with the old one; the other log-ins end, this one goes on', async () => {
    const here = await accounts.login({ username: 'ann', password: 'same words', address })
    const there = await accounts.login({ username: 'ann', password: 'same words', address })
    const change = (oldPassword: string, newPassword: string) =>
      accounts.changePassword({ org: 'demo', sub: 'ann', sid: here.sid, oldPassword, newPassword, address })
    await assert.rejects(change('not this one', 'brand new words'), { code: 'credentials_wrong' })
    await assert.rejects(change('same words', 'short'), { code: 'password_weak', message: /at least 8 characters/ })
    await change('same words', 'brand new words')
    await assert.rejects(accounts.refresh(there.refreshToken), { code: 'token_invalid' })
    assert.equal((await accounts.refresh(here.refreshToken)).sid, here.sid)
    await assert.rejects(accounts.login({ username: 'ann', password: 'same words', address }), {
      code: 'credentials_wrong',
    })
    await change('brand new words', 'same words')
  })

  test('the old password is asked for of this organisation’s account only', async () => {
    const change = { sub: 'ann', sid: undefined, oldPassword: 'same words', newPassword: 'brand new words', address }
    await assert.rejects(accounts.changePassword({ ...change, org: 'other' }), { code: 'credentials_wrong' })
  })

  const weak: readonly [string, string][] = [
    ['seven characters', 'seven77'],
    ['seven characters that are fourteen UTF-16 units', '🚚🚚🚚🚚🚚🚚🚚'],
    ['the user id itself', 'long-user-id'],
    ['the user id in capitals', 'LONG-USER-ID'],
  ]
  for (const [name, password] of weak) {
    test(`no password: ${name}`, async () => {
      const user = { org: 'demo', username: 'long-user-id', role: 'user', password } as const
      await assert.rejects(createUser(db, user), { code: 'password_weak' })
    })
  }

  test('a disabled account gets in neither with its password nor with a refresh token; only who knows the password is told why', async () => {
    const { refreshToken } = await accounts.login({ username: 'ann', password: 'same words', address })
    await users.change(admin, 'ann', { disabled: true })
    const login = (password: string) => accounts.login({ username: 'ann', password, address })
    await assert.rejects(login('same words'), { code: 'account_disabled' })
    await assert.rejects(login('wrong words'), { code: 'credentials_wrong' })
    await assert.rejects(accounts.refresh(refreshToken), { code: 'token_invalid' })
    await users.change(admin, 'ann', { disabled: false })
    assert.ok(await login('same words'))
  })

  test('who is banned gets no tokens; the refresh token is not used up and serves when the ban is over', async () => {
    const { refreshToken } = await accounts.login({ username: 'ann', password: 'same words', address })
    await putBan(db, { org: 'demo', sub: 'ann', until: nowMs + 60_000, reason: null, by: 'admin' }, nowMs)
    await assert.rejects(accounts.login({ username: 'ann', password: 'same words', address }), {
      code: 'principal_banned',
      message: /until 20\d\d-/,
    })
    await assert.rejects(accounts.refresh(refreshToken), { code: 'principal_banned' })
    nowMs += 60_000
    assert.ok(await accounts.refresh(refreshToken))
  })

  test('an account without a password does not log in', async () => {
    await users.create(admin, { id: 'from-outside', role: 'user', password: null })
    await assert.rejects(accounts.login({ username: 'from-outside', password: '', address }), {
      code: 'credentials_wrong',
    })
  })

  test('somebody stays who can administer, also when two remove each other at the same time', async () => {
    const org = 'two-admins'
    for (const username of ['eva', 'ada'])
      await createUser(db, { org, username, role: 'admin', password: 'same words' })
    const results = await Promise.allSettled([
      users.change(actOf(org), 'ada', { role: 'user' }),
      users.change(actOf(org), 'eva', { disabled: true }),
    ])
    assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    const left = (await listUsers(db, org, { after: undefined, limit: 10 })).find(
      ({ role, disabled }) => role === 'admin' && !disabled,
    )!
    for (const change of [{ role: 'user' }, { disabled: true }, { password: null }] as const) {
      await assert.rejects(users.change(actOf(org), left.user_id, change), { code: 'last_admin' })
    }
    await assert.rejects(users.remove(actOf(org), left.user_id), { code: 'last_admin' })
    assert.equal((await users.change(actOf(org), left.user_id, { devices: ['truck-1'] })).role, 'admin')
  })
}
