/**
 * What it costs to ask for the current rights of a principal, with many accounts, groups, bans and revoked tokens in memory.
 *
 *   node --expose-gc dist/bench/rights.js [--accounts 20000] [--devices 20000] [--revocations 20000]
 */
import { Rights } from '../bridge/index.ts'
import { type Principal, principalOf } from '../contract/index.ts'
import { silent, withPglite } from '../test/support/databases.ts'
import { openScope } from '../test/support/scope.ts'
import { readOptions } from './load/read-options.ts'

const ORG = 'bench'
const GROUPS = 20
const CALLS = 2_000_000

const values = readOptions('bench:rights', {
  accounts: '20000',
  devices: '20000',
  revocations: '20000',
})
const [accounts, devices, revocations] = [values.accounts, values.devices, values.revocations].map(Number)

const scope = openScope()
const db = await withPglite(scope)
await db.query('insert into organisations (org, created_at) values ($1, 0)', [ORG])
await db.query(
  `insert into users (org, user_id, role, devices, groups, created_at)
   select $1, 'u-' || i, 'user', array['d-' || i], array['g-' || i % $3::int], 0 from generate_series(1, $2::int) i`,
  [ORG, accounts, GROUPS],
)
await db.query(
  `insert into devices (org, device_id, groups, created_at)
   select $1, 'd-' || i, array['g-' || i % $3::int], 0 from generate_series(1, $2::int) i`,
  [ORG, devices, GROUPS],
)
await db.query(
  `insert into revocations (org, kind, id, reason, revoked_at, revoked_by)
   select $1, 'token', gen_random_uuid()::text, 'logout', 0, 'x' from generate_series(1, $2::int)`,
  [ORG, revocations],
)

const heapMiB = (): number => {
  global.gc?.()
  return process.memoryUsage().heapUsed / 2 ** 20
}
const heapBefore = heapMiB()
const startedAt = performance.now()
const rights = await Rights.open({ db, logger: silent })
const loadedMs = performance.now() - startedAt
console.log(`loaded in ${loadedMs.toFixed(0)} ms; heap +${(heapMiB() - heapBefore).toFixed(1)} MiB`)

const principal = (i: number): Principal =>
  principalOf({ sub: `u-${i}`, org: ORG, role: 'user', iat: 1, exp: 4_000_000_000, jti: `j-${i}` })
const issued = Array.from({ length: accounts! }, (_, i) => principal(i + 1))

function measure(name: string, calls: number, work: (i: number) => void): void {
  const from = process.cpuUsage()
  for (let i = 0; i < calls; i++) work(i)
  const { user, system } = process.cpuUsage(from)
  console.log(`${name}: ${(((user + system) * 1_000) / calls).toFixed(0)} ns of CPU`)
}
measure('current, first time for this token', issued.length, i => void rights.current(issued[i]!))
measure('current, nothing has changed', CALLS, i => void rights.current(issued[i % 1_000]!))
const granted = rights.current(issued[0]!).devices
measure('devices.has of own and one group', CALLS, i => void granted.has(`d-${i % 1_000}`))
measure('devices.has of a plain set', CALLS, i => void issued[0]!.devices.has(`d-${i % 1_000}`))

const change = performance.now()
await db.query(`update devices set groups = '{}' where org = $1 and device_id = 'd-1'`, [ORG])
await db.query(`insert into rights_changes (org, kind, id, changed_at) values ($1, 'device-groups', 'd-1', 0)`, [ORG])
await rights.refresh()
console.log(
  `a changed group of ${devices! / GROUPS} devices is in force after ${(performance.now() - change).toFixed(1)} ms`,
)
measure('current of every connection after it', issued.length, i => void rights.current(issued[i]!))
await rights.close()
await scope.release()
