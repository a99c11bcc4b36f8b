import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  type Accounts,
  createAccounts,
  createUser,
  type Database,
  ensureFirstAccount,
  migrate,
  openDatabase,
  setPassword,
} from '../../../bridge/index.ts'
import { openPglite } from '../../../bridge/store/database-pglite.ts'
import { silent, withPostgresUrl } from '../../support/databases.ts'
import { openScope } from '../../support/scope.ts'

const DAY_MS = 86_400_000

const scope = openScope()
const url = await withPostgresUrl(scope)
after(() => scope.release())

describe('accounts on PGlite', () => accountsSuite(() => openPglite(null, silent)))
describe('accounts on PostgreSQL', { skip: url === undefined && 'no PostgreSQL server programs' }, () =>
  accountsSuite(() => openDatabase({ url, dataDirectory: '', logger: silent })),
)

function accountsSuite(open: () => Promise<Database>): void {
  let db: Database
  let accounts: Accounts
  let nowMs = Date.UTC(2026, 0, 1)
  const address = '192.0.2.1'

  before(async () => {
    db = await open()
    await migrate(db)
    accounts = createAccounts(db, { now: () => nowMs })
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
    assert.deepEqual(account, { sub: 'admin', org: 'demo', role: 'admin', devices: [] })
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
    assert.equal(await createUser(db, { org: 'other', username: 'ann', role: 'user', password: 'x' }), false)
  })

  test('names that no topic could bear are refused', async () => {
    const user = { org: 'demo', username: 'a/b', role: 'user', password: 'x' } as const
    await assert.rejects(createUser(db, user), { code: 'request_invalid' })
    await assert.rejects(createUser(db, { ...user, username: 'c', org: 'Demo' }), { code: 'request_invalid' })
  })

  test('grants of the account come with the log-in', async () => {
    const { account } = await accounts.login({ username: 'ann', password: 'same words', address })
    assert.deepEqual(account.devices, ['truck-7'])
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
    assert.equal(await setPassword(db, 'ben', 'other words'), true)
    await assert.rejects(accounts.refresh(refreshToken), { code: 'token_invalid' })
    await assert.rejects(accounts.login({ username: 'ben', password: 'same words', address }), {
      code: 'credentials_wrong',
    })
    assert.ok(await accounts.login({ username: 'ben', password: 'other words', address }))
    assert.equal(await setPassword(db, 'nobody', 'x'), false)
  })
}
