/**
 * What a token costs: processor time for one message (two buckets), and memory, by how many principals send.
 *
 *   node --expose-gc dist/bench/rate-limits.js
 */
import { cpus } from 'node:os'
import { createRateLimits, ratesOf } from '../broker/index.ts'
import { DEFAULT_LIMITS } from '../contract/index.ts'
import { randomOf } from '../test/support/seeded-random.ts'

const TAKES = 2_000_000
const SEED = 1

console.log(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown processor'}, seed ${SEED}`)
console.log('principals   ns/message   over the limit   bytes/principal')
for (const count of [1, 1_000, 100_000]) {
  const owners = Array.from({ length: count }, (_, i) => ({ org: 'demo', sub: `device-${i}` }))
  const random = randomOf(SEED)
  const order = Uint32Array.from({ length: TAKES }, () => Math.floor(random() * count))
  globalThis.gc?.()
  const before = process.memoryUsage()
  // A clock that stands still while memory is measured: nobody's buckets are full again and forgotten.
  let nowMs: number | undefined = performance.now()
  const limits = createRateLimits(ratesOf(DEFAULT_LIMITS), () => nowMs ?? performance.now())
  // All of them once, so that none is met for the first time while it is measured.
  for (const owner of owners) limits.take(owner, 'location')
  globalThis.gc?.()
  const after = process.memoryUsage()
  const bytes = after.heapUsed - before.heapUsed
  nowMs = undefined
  let refused = 0
  const startedAt = process.cpuUsage()
  for (const i of order) if (limits.take(owners[i]!, 'location') > 0) refused += 1
  const { user, system } = process.cpuUsage(startedAt)
  const ns = ((user + system) * 1_000) / TAKES
  const share = `${Math.round((refused / TAKES) * 100)} %`
  const each = globalThis.gc === undefined ? 'run with --expose-gc' : String(Math.round(bytes / count))
  console.log(
    `${String(count).padStart(10)}   ${ns.toFixed(0).padStart(10)}   ${share.padStart(14)}   ${each.padStart(15)}`,
  )
}
